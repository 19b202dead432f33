import { ChainError } from './errors.ts'
import type { Reader } from './plain.ts'
import type { Link, Plain } from './wire.ts'

type Wish = { item: string; keys: unknown[]; take: (value: Plain) => void }

/** Several storage items in one round trip, each by the name it has in `SubtensorModule` or, with a dot, elsewhere. */
export class Batch {
  readonly #link: Link
  readonly #wishes: Wish[] = []

  constructor(link: Link) {
    this.#link = link
  }

  /** @returns the value, once `read` has resolved. Refused `NotInRuntime` where the runtime lacks the item */
  want<T>(name: string, keys: unknown[], of: Reader<T>): () => T {
    const item = itemName(name)
    if (!this.#link.hasItem(item))
      throw new ChainError('NotInRuntime', 'request', `This chain's runtime keeps no ${item}: it is older or newer than this program, or another chain`, false)
    let value: { of: T } | undefined
    this.#wishes.push({ item, keys, take: (plain) => (value = { of: of(plain, name) }) })
    return () => {
      if (!value) throw new Error(`${name} is asked for before it was read`)
      return value.of
    }
  }

  /** The first of several names that the runtime has, the way `absent` goes where it has none. */
  wantAny<T, D>(names: string[], keys: unknown[], of: Reader<T>, absent: D): () => T | D {
    const name = names.find((n) => this.#link.hasItem(itemName(n)))
    return name === undefined ? () => absent : this.want(name, keys, of)
  }

  /** @param at hash of the block; left out: the best one, the same for all */
  async read(at: string | undefined): Promise<void> {
    if (this.#wishes.length === 0) return
    const wanted = this.#wishes.map(({ item, keys }): [string, unknown[]] => [item, keys])
    const values = await this.#link.readMany(wanted, at)
    for (const [i, { take }] of this.#wishes.entries()) take(values[i] ?? null)
  }
}

function itemName(name: string): string {
  return name.includes('.') ? name : `SubtensorModule.${name}`
}
