import { addressOf } from './address.ts'
import { ChainError } from './errors.ts'
import type { Plain } from './wire.ts'

export type Field = { /** Null: has only a place. */ name: string | null; type: number }
/** A type of the metadata's table; `type` numbers point into it. */
export type Described =
  | { kind: 'composite'; path: string; fields: Field[] }
  | { kind: 'variant'; path: string; variants: { index: number; name: string; fields: Field[] }[] }
  | { kind: 'sequence' | 'compact'; type: number }
  | { kind: 'array'; type: number; length: number }
  | { kind: 'tuple'; types: number[] }
  | { kind: 'primitive'; name: string }
  | { kind: 'other'; name: string }

/** Where in the bytes reading stands. */
export type Cursor = { bytes: Buffer; at: number }
type Read = (cursor: Cursor) => Plain

/**
 * SCALE bytes straight to plain values, by the types of the metadata. The SDK makes an object of every number on the way, which for a
 * large metagraph keeps the event loop for too long.
 */
export class Decoder {
  readonly #describe: (type: number) => Described
  readonly #reads = new Map<number, Read>()

  constructor(describe: (type: number) => Described) {
    this.#describe = describe
  }

  /** Throws a ChainError for bytes that are not of this type. */
  read(type: number, cursor: Cursor): Plain {
    try {
      return this.#of(type)(cursor)
    } catch (error) {
      if (error instanceof ChainError) throw error
      throw new ChainError('Undecodable', 'request', `The chain sent bytes that are no value of type ${type}: try another endpoint`, false, error)
    }
  }

  #of(type: number): Read {
    const known = this.#reads.get(type)
    if (known) return known
    let made: Read | null = null
    // A type may contain itself.
    this.#reads.set(type, (cursor) => (made ??= this.#make(type))(cursor))
    made = this.#make(type)
    this.#reads.set(type, made)
    return made
  }

  #make(type: number): Read {
    const found = this.#describe(type)
    switch (found.kind) {
      case 'primitive':
        return primitive(found.name)
      case 'compact':
        return compactOf(this.#bits(found.type))
      case 'sequence':
        return this.#isByte(found.type) ? (c) => hex(c, compact(c)) : many(this.#of(found.type), compact)
      case 'array':
        return this.#isByte(found.type) ? (c) => hex(c, found.length) : many(this.#of(found.type), () => found.length)
      case 'tuple':
        return this.#places(found.types)
      case 'composite':
        return found.path === 'sp_core::crypto::AccountId32' ? (c) => addressOf(take(c, 32)) : this.#fields(found.fields)
      case 'variant':
        return this.#variant(found)
      case 'other':
        throw new ChainError('Undecodable', 'request', `The chain sent a ${found.name}, which this program cannot read: install a newer version`, false)
    }
  }

  #isByte(type: number): boolean {
    const found = this.#describe(type)
    return found.kind === 'primitive' && found.name === 'U8'
  }

  /** Width of an integer, also where it stands alone in a struct; 0: nothing at all. */
  #bits(type: number): number {
    const found = this.#describe(type)
    if (found.kind === 'primitive') return Number(found.name.slice(1))
    const inner = found.kind === 'composite' ? found.fields[0]?.type : undefined
    return inner === undefined ? 0 : this.#bits(inner)
  }

  /** One unnamed field is the value itself. */
  #fields(fields: Field[]): Read {
    if (fields.some(({ name }) => name === null)) return this.#places(fields.map(({ type }) => type))
    if (fields.length === 0) return () => null
    const reads = fields.map(({ name, type }): [string, Read] => [camelCase(name ?? ''), this.#of(type)])
    return (c) => {
      const struct: { [field: string]: Plain } = {}
      for (const [name, read] of reads) struct[name] = read(c)
      return struct
    }
  }

  #places(types: number[]): Read {
    const reads = types.map((type) => this.#of(type))
    const [only] = reads
    if (!only) return () => null
    return reads.length === 1 ? only : (c) => reads.map((read) => read(c))
  }

  #variant({ path, variants }: Extract<Described, { kind: 'variant' }>): Read {
    const reads = new Map(variants.map(({ index, name, fields }) => [index, { name, empty: fields.length === 0, read: this.#fields(fields) }]))
    return (c) => {
      const index = byte(c)
      const found = reads.get(index)
      if (!found) throw new RangeError(`no variant ${index} of ${path}`)
      if (path === 'Option') return found.empty ? null : found.read(c)
      return found.empty ? found.name : { type: found.name, value: found.read(c) }
    }
  }
}

function primitive(name: string): Read {
  if (name === 'Bool') return (c) => byte(c) !== 0
  if (name === 'Str') return (c) => take(c, compact(c)).toString('utf8')
  const bytes = Number(name.slice(1)) / 8
  const signed = name.startsWith('I')
  if (bytes <= 4) return signed ? (c) => take(c, bytes).readIntLE(0, bytes) : (c) => take(c, bytes).readUIntLE(0, bytes)
  return (c) => {
    const value = wide(take(c, bytes))
    return signed ? BigInt.asIntN(bytes * 8, value) : value
  }
}

function many(read: Read, length: (c: Cursor) => number): Read {
  return (c) => {
    const values: Plain[] = []
    for (let left = length(c); left > 0; left--) values.push(read(c))
    return values
  }
}

function compactOf(bits: number): Read {
  if (bits === 0) return () => null
  return bits <= 32 ? compact : compactWide
}

function compact(c: Cursor): number {
  return Number(compactWide(c))
}

function compactWide(c: Cursor): bigint {
  const first = byte(c)
  if ((first & 3) === 0) return BigInt(first >> 2)
  c.at--
  if ((first & 3) === 1) return BigInt(take(c, 2).readUInt16LE() >> 2)
  if ((first & 3) === 2) return BigInt(take(c, 4).readUInt32LE() >>> 2)
  c.at++
  return wide(take(c, (first >> 2) + 4))
}

function wide(bytes: Buffer): bigint {
  return bytes.length === 8 ? bytes.readBigUInt64LE() : BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
}

function hex(c: Cursor, length: number): string {
  return `0x${take(c, length).toString('hex')}`
}

function byte(c: Cursor): number {
  return take(c, 1)[0] ?? 0
}

function take(c: Cursor, length: number): Buffer {
  const from = c.at
  if (from + length > c.bytes.length) throw new RangeError('the bytes end too soon')
  c.at += length
  return c.bytes.subarray(from, c.at)
}

/** As the SDKs spell fields: some_field1 is someField1. */
function camelCase(name: string): string {
  return name.replace(/^r#/, '').replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase())
}
