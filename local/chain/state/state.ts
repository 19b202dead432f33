import { hashSize } from '../runtime/keys.ts'
import type { Item, Runtime } from '../runtime/runtime.ts'
import { fromHex, Reader } from '../scale/bytes.ts'
import type { Storage, Value } from '../types.ts'
import { Cell } from './cell.ts'
import { get, put, remove, scan, type Tree } from './tree.ts'

/** Everything a block holds, by raw key as 0x-hex. */
export type Root = Tree<Cell>

/** The state while a block is made, and what pallets see of it. `root` may be taken (a snapshot) and put back (undo) at any time. */
export class State implements Storage {
  root: Root
  readonly runtime: Runtime
  /** Raw keys that were written, also those that were undone. */
  readonly touched = new Set<string>()

  constructor(runtime: Runtime, root: Root) {
    this.runtime = runtime
    this.root = root
  }

  /** The value or the default of the item. Values are shared: copy before changing. */
  get<T extends Value = Value>(name: string, ...keys: Value[]): T {
    const item = this.#item(name, keys)
    return (get(this.root, this.runtime.key(item, keys))?.value ?? item.default) as T
  }

  /** Throws for a value or keys that are not of the declared types. */
  put(name: string, keys: Value[], value: Value): void {
    const item = this.#item(name, keys)
    const key = this.runtime.key(item, keys)
    this.root = put(this.root, key, Cell.of(this.runtime, item, value))
    this.touched.add(key)
  }

  remove(name: string, keys: Value[]): void {
    const item = this.#item(name, keys)
    const key = this.runtime.key(item, keys)
    this.root = remove(this.root, key)
    this.touched.add(key)
  }

  entries<T extends Value = Value>(name: string, ...keys: Value[]): [keys: Value[], value: T][] {
    const item = this.runtime.item(name)
    const prefix = this.runtime.key(item, keys)
    return [...scan(this.root, prefix)].map(([key, cell]) => [this.#keys(item, keys.length, key.slice(prefix.length)), cell.value as T])
  }

  /** Raw bytes under a raw key, or null. */
  hex(key: string): string | null {
    return get(this.root, key)?.hex ?? null
  }

  /** Writes bytes, as they are, under any raw key; null removes. */
  putHex(key: string, hex: string | null): void {
    this.touched.add(key)
    this.root = hex === null ? remove(this.root, key) : put(this.root, key, new Cell(this.runtime, this.runtime.itemOf(key), hex))
  }

  #item(name: string, keys: Value[]): Item {
    const item = this.runtime.item(name)
    if (item.keys.length !== keys.length) throw new Error(`${name} has ${item.keys.length} keys, not ${keys.length}`)
    return item
  }

  #keys(item: Item, from: number, hex: string): Value[] {
    const reader = new Reader(fromHex(`0x${hex}`))
    return item.keys.slice(from).map((type, i) => {
      reader.take(hashSize(item.hashers[from + i] ?? 'Identity'))
      return this.runtime.codec.read(type, reader)
    })
  }
}
