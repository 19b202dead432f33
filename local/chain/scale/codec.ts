import type { Value } from '../types.ts'
import { fromHex, Reader, toHex, Writer } from './bytes.ts'
import type { Field, Variant } from './text.ts'
import type { Primitive, Shape, Types } from './types.ts'

/** One type, ready to use. Encoding throws for a value that is not of the type; `undefined` encodes as the zero of the type. */
type Coder = { encode: (value: Value | undefined, to: Writer) => void; decode: (from: Reader) => Value }

const NUMBERS: Partial<Record<Primitive, 1 | 2 | 4>> = { u8: 1, u16: 2, u32: 4 }
const SIZES: Partial<Record<Primitive, number>> = { u64: 8, u128: 16, u256: 32, i8: 1, i16: 2, i32: 4, i64: 8, i128: 16 }

/** Values in the form scale/text.ts describes ↔ SCALE bytes, by the declared types. */
export class Codec {
  readonly #types: Types
  readonly #coders = new Map<string, Coder>()

  constructor(types: Types) {
    this.#types = types
  }

  /** Throws for a value that is not of the type. */
  encode(type: string, value?: Value): Uint8Array {
    const to = new Writer()
    try {
      this.#coder(type).encode(value, to)
    } catch (error) {
      throw new Error(`not a ${type}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    return to.bytes()
  }

  /** Throws for bytes that are too short or too long. */
  decode(type: string, bytes: Uint8Array): Value {
    const from = new Reader(bytes)
    const value = this.read(type, from)
    if (from.left > 0) throw new Error(`${from.left} bytes too many for a ${type}`)
    return value
  }

  /** Decodes from the front of what is left. */
  read(type: string, from: Reader): Value {
    return this.#coder(type).decode(from)
  }

  #coder(type: string): Coder {
    const known = this.#coders.get(type)
    if (known) return known
    const coder: Coder = { encode: () => undefined, decode: () => null }
    this.#coders.set(type, coder) // before its parts: types may be recursive
    return Object.assign(coder, this.#build(type))
  }

  #build(type: string): Coder {
    const { shape, path } = this.#types.get(type)
    if (path[0] === 'Option' && shape.kind === 'enum') return this.#option(shape.variants[1]?.fields[0]?.type ?? '')
    switch (shape.kind) {
      case 'primitive':
        return primitive(shape.name)
      case 'compact':
        return compactOf(NUMBERS[shape.of as Primitive] !== undefined)
      case 'sequence':
        return shape.of === 'u8' ? BYTES : sequence(this.#coder(shape.of))
      case 'array':
        return shape.of === 'u8' ? fixedBytes(shape.length) : list(Array<Coder>(shape.length).fill(this.#coder(shape.of)))
      case 'tuple':
        return list(shape.of.map((of) => this.#coder(of)))
      case 'struct':
        return this.#fields(shape.fields)
      case 'enum':
        return this.#enum(shape)
    }
  }

  #fields(fields: Field[]): Coder {
    const [only] = fields
    if (only && fields.length === 1 && only.name === null) return this.#coder(only.type)
    const coders = fields.map(({ type }) => this.#coder(type))
    const names = fields.flatMap(({ name }) => (name === null ? [] : [name]))
    return names.length > 0 ? record(names, coders) : list(coders)
  }

  #option(of: string): Coder {
    const inner = this.#coder(of)
    const nested = of.startsWith('Option<')
    return {
      encode: (value, to) => {
        to.byte(value === null || value === undefined ? 0 : 1)
        if (value !== null && value !== undefined) inner.encode(nested ? asRecord(value)['Some'] : value, to)
      },
      decode: (from) => {
        const some = from.byte()
        if (some === 0) return null
        if (some !== 1) throw new Error(`no option ${some}`)
        const value = inner.decode(from)
        return nested ? { Some: value } : value
      },
    }
  }

  #enum({ variants }: Shape & { kind: 'enum' }): Coder {
    const cases = variants.map((variant) => ({ variant, coder: this.#fields(variant.fields) }))
    const byName = new Map(cases.map((c) => [c.variant.name, c]))
    const byIndex = new Map(cases.map((c) => [c.variant.index, c]))
    return {
      encode: (value, to) => {
        const name = value === undefined ? variants[0]?.name : typeof value === 'string' ? value : Object.keys(asRecord(value))[0]
        const found = byName.get(name ?? '')
        if (!found) throw new Error(`no variant ${name}`)
        to.byte(found.variant.index)
        if (found.variant.fields.length > 0) found.coder.encode(typeof value === 'object' ? asRecord(value)[name ?? ''] : undefined, to)
      },
      decode: (from) => {
        const index = from.byte()
        const found = byIndex.get(index)
        if (!found) throw new Error(`no variant ${index}`)
        return decodeVariant(found.variant, found.coder, from)
      },
    }
  }
}

function decodeVariant({ name, fields }: Variant, coder: Coder, from: Reader): Value {
  return fields.length === 0 ? name : { [name]: coder.decode(from) }
}

function asRecord(value: Value | undefined): Record<string, Value> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('an object is needed')
  return value
}

function asNumber(value: Value | undefined): number {
  if (value === undefined) return 0
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value)
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error(`${typeof value} instead of a number`)
  return Number(value)
}

function asBigint(value: Value | undefined): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`${value} is not exact`)
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value)
  return BigInt(asNumber(value))
}

function primitive(name: Primitive): Coder {
  if (name === 'bool') return { encode: (value, to) => to.byte(asBool(value) ? 1 : 0), decode: (from) => from.byte() === 1 }
  if (name === 'str') return TEXT
  const small = NUMBERS[name]
  if (small) return { encode: (value, to) => to.small(asNumber(value), small), decode: (from) => from.small(small) }
  const size = SIZES[name] ?? 0
  const signed = name.startsWith('i')
  return {
    encode: (value, to) => to.integer(asBigint(value), size, signed),
    decode: (from) => (size < 8 ? Number(from.integer(size, signed)) : from.integer(size, signed)),
  }
}

function asBool(value: Value | undefined): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new Error(`${typeof value} instead of a boolean`)
  return value ?? false
}

function compactOf(small: boolean): Coder {
  return {
    encode: (value, to) => to.compact(typeof value === 'number' ? asNumber(value) : asBigint(value)),
    decode: (from) => (small ? Number(from.compact()) : from.compact()),
  }
}

const TEXT: Coder = {
  encode: (value, to) => {
    if (value !== undefined && typeof value !== 'string') throw new Error(`${typeof value} instead of a text`)
    const bytes = Buffer.from(value ?? '')
    to.compact(bytes.length)
    to.push(bytes)
  },
  decode: (from) => Buffer.from(from.take(from.length())).toString(),
}

function asBytes(value: Value | undefined): Uint8Array {
  if (typeof value !== 'string') throw new Error(`${typeof value} instead of 0x-hex`)
  return fromHex(value)
}

const BYTES: Coder = {
  encode: (value, to) => {
    const bytes = asBytes(value ?? '0x')
    to.compact(bytes.length)
    to.push(bytes)
  },
  decode: (from) => toHex(from.take(from.length())),
}

function fixedBytes(length: number): Coder {
  return {
    encode: (value, to) => {
      const bytes = value === undefined ? new Uint8Array(length) : asBytes(value)
      if (bytes.length !== length) throw new Error(`${bytes.length} bytes instead of ${length}`)
      to.push(bytes)
    },
    decode: (from) => toHex(from.take(length)),
  }
}

function asList(value: Value | undefined): Value[] {
  if (value !== undefined && !Array.isArray(value)) throw new Error('a list is needed')
  return value ?? []
}

function sequence(of: Coder): Coder {
  return {
    encode: (value, to) => {
      const items = asList(value)
      to.compact(items.length)
      for (const item of items) of.encode(item, to)
    },
    decode: (from) => Array.from({ length: from.length() }, () => of.decode(from)),
  }
}

function list(coders: Coder[]): Coder {
  return {
    encode: (value, to) => {
      const items = asList(value)
      if (value !== undefined && items.length !== coders.length) throw new Error(`${items.length} parts instead of ${coders.length}`)
      for (const [i, coder] of coders.entries()) coder.encode(items[i], to)
    },
    decode: (from) => coders.map((coder) => coder.decode(from)),
  }
}

function record(names: string[], coders: Coder[]): Coder {
  const known = new Set(names)
  return {
    encode: (value, to) => {
      const fields = value === undefined ? {} : asRecord(value)
      for (const name in fields) if (!known.has(name)) throw new Error(`no field ${name}`)
      for (const [i, coder] of coders.entries()) coder.encode(fields[names[i] ?? ''], to)
    },
    decode: (from) => Object.fromEntries(names.map((name, i) => [name, coders[i]?.decode(from) ?? null])),
  }
}
