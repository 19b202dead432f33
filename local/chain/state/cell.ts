import type { Item, Runtime } from '../runtime/runtime.ts'
import { fromHex, toHex } from '../scale/bytes.ts'
import type { Value } from '../types.ts'

/** One value in the state: its bytes, and decoded once when first asked for. Shared by all blocks that hold it. */
export class Cell {
  readonly hex: string
  readonly #runtime: Runtime
  readonly #item: Item | null
  #value: { of: Value } | undefined

  /** Under a key that is not declared (no item) there are bytes only. */
  constructor(runtime: Runtime, item: Item | null, hex: string) {
    this.hex = hex
    this.#runtime = runtime
    this.#item = item
  }

  /** Throws for a value that is not of the declared type. Read back it has the form the codec gives: all fields, wide integers as bigint. */
  static of(runtime: Runtime, item: Item, value: Value): Cell {
    return new Cell(runtime, item, toHex(runtime.codec.encode(item.value, value)))
  }

  get value(): Value {
    if (!this.#item) throw new Error('bytes under a key that is not declared')
    this.#value ??= { of: freeze(this.#runtime.codec.decode(this.#item.value, fromHex(this.hex))) }
    return this.#value.of
  }
}

/** What is in the state is shared, so whoever wants another value makes a copy. */
function freeze(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) freeze(part)
  Object.freeze(value)
  return value
}
