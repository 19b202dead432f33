import { type Field, lines, parseFields, parseVariant, splitTop, type Variant } from './text.ts'

const PRIMITIVES = ['bool', 'str', 'u8', 'u16', 'u32', 'u64', 'u128', 'u256', 'i8', 'i16', 'i32', 'i64', 'i128'] as const
export type Primitive = (typeof PRIMITIVES)[number]

/** What a type is; other types by their name. */
export type Shape =
  | { kind: 'primitive'; name: Primitive }
  | { kind: 'struct'; fields: Field[] }
  | { kind: 'enum'; variants: Variant[] }
  | { kind: 'sequence'; of: string }
  | { kind: 'array'; of: string; length: number }
  | { kind: 'tuple'; of: string[] }
  | { kind: 'compact'; of: string }

/** A type with what metadata says besides its shape: the Rust path and its parameters (null: a parameter without a type). */
export type Type = { shape: Shape; path: string[]; params: { name: string; type: string | null }[] }

/** All types by name: those declared as text, those assembled (calls, events, outer enums) and the generic ones. */
export class Types {
  readonly #declared = new Map<string, string>()
  readonly #known = new Map<string, Type>()

  /** Adds a list of "Name = …" lines; "Name = (A,B)" is another name for a tuple. */
  declare(text: string): void {
    for (const line of lines(text)) {
      const at = line.indexOf(' = ')
      if (at < 0) throw new Error(`not a type: "${line}"`)
      this.#declared.set(line.slice(0, at), line.slice(at + 3))
    }
  }

  /** Adds an enum that is assembled rather than written. */
  addEnum(name: string, path: string, variants: Variant[]): void {
    this.#known.set(name, { shape: { kind: 'enum', variants }, path: path.split('::'), params: [] })
  }

  get(name: string): Type {
    const known = this.#known.get(name)
    if (known) return known
    const declared = this.#declared.get(name)
    const type = declared === undefined ? inline(name) : declared.startsWith('(') ? inline(declared) : parseType(declared)
    this.#known.set(name, type)
    return type
  }
}

/** The right side of "Name = …". */
function parseType(text: string): Type {
  const [, path, paramText, body = ''] = /^([\w:]+)(?:<(.*?)>)? ?(.*)$/.exec(text) ?? []
  if (path === undefined) throw new Error(`not a type: "${text}"`)
  const params = splitTop(paramText ?? '').map((param) => {
    const [name = '', type = ''] = param.split('=')
    return { name, type: type === '' ? null : type }
  })
  const fields = /^\{(.*)\}$/.exec(body) ?? /^\((.*)\)$/.exec(body)
  const shape: Shape = fields ? { kind: 'struct', fields: parseFields(fields[1] ?? '') } : { kind: 'enum', variants: body.split(' | ').map(parseVariant) }
  return { shape, path: path.split('::'), params }
}

function plain(shape: Shape): Type {
  return { shape, path: [], params: [] }
}

/** Primitives, generics, arrays and tuples, by their spelling. */
function inline(name: string): Type {
  const primitive = PRIMITIVES.find((p) => p === name)
  if (primitive) return plain({ kind: 'primitive', name: primitive })
  const [, generic, of = ''] = /^(\w+)<(.*)>$/.exec(name) ?? []
  if (generic === 'Vec') return plain({ kind: 'sequence', of })
  if (generic === 'Compact') return plain({ kind: 'compact', of })
  if (generic === 'Option') return option(of)
  if (generic === 'BoundedVec') return boundedVec(of)
  const array = /^\[(.*);(\d+)\]$/.exec(name)
  if (array) return plain({ kind: 'array', of: array[1] ?? '', length: Number(array[2]) })
  const tuple = /^\((.*)\)$/.exec(name)
  if (tuple) return plain({ kind: 'tuple', of: splitTop(tuple[1] ?? '') })
  throw new Error(`unknown type "${name}"`)
}

function option(of: string): Type {
  const variants = [
    { name: 'None', index: 0, fields: [] },
    { name: 'Some', index: 1, fields: [{ name: null, type: of }] },
  ]
  return { shape: { kind: 'enum', variants }, path: ['Option'], params: [{ name: 'T', type: of }] }
}

function boundedVec(of: string): Type {
  const params = [
    { name: 'T', type: of },
    { name: 'S', type: null },
  ]
  return { shape: { kind: 'struct', fields: [{ name: null, type: `Vec<${of}>` }] }, path: ['bounded_collections', 'bounded_vec', 'BoundedVec'], params }
}
