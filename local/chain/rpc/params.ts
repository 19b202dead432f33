import { RpcError } from '../chain/errors.ts'

/** Positional parameters, each checked as a node's own decoder would: a wrong one is -32602. */
export class Params {
  readonly #values: unknown[]

  constructor(values: unknown) {
    if (values !== undefined && values !== null && !Array.isArray(values)) throw RpcError.params('positional parameters are expected')
    this.#values = Array.isArray(values) ? values : []
  }

  optional<T>(at: number, read: (value: unknown) => T): T | null {
    const value = this.#values[at]
    return value === undefined || value === null ? null : read(value)
  }

  required<T>(at: number, read: (value: unknown) => T): T {
    const value = this.#values[at]
    if (value === undefined || value === null) throw RpcError.params(`No more params: ${at + 1} expected`)
    return read(value)
  }
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw RpcError.params(`invalid type: ${typeof value}, expected a string`)
  return value
}

export function bytes(value: unknown): string {
  const hex = text(value)
  if (!/^0x(?:[0-9a-f]{2})*$/i.test(hex)) throw RpcError.params(`invalid hex: ${hex.slice(0, 40)}`)
  return hex.toLowerCase()
}

export function hash(value: unknown): string {
  const hex = bytes(value)
  if (hex.length !== 66) throw RpcError.params(`invalid length ${hex.length / 2 - 1}, expected a 32-byte hash`)
  return hex
}

export function list<T>(read: (value: unknown) => T): (value: unknown) => T[] {
  return (value) => {
    if (!Array.isArray(value)) throw RpcError.params('invalid type: expected a list')
    return value.map(read)
  }
}

/** A block number, as number or 0x-hex. */
export function number(value: unknown): number {
  const n = typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value) ? Number(value) : value
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0) throw RpcError.params(`invalid number: ${String(value)}`)
  return n
}
