import type { Codec, HeaderJson } from './codec.ts'
import type { Codecs } from './codecs.ts'
import { ChainError } from './errors.ts'
import { bytes, count, list, nonsense, orNull, pair, type Reader as Reading, struct, text } from './plain.ts'
import type { Rpc } from './rpc.ts'
import type { Block } from './types.ts'
import type { ItemName, Link, MethodName, Plain } from './wire.ts'

/** Keys of one question, and of one page of keys: nodes refuse more than 1,000. */
const PAGE = 1000
/** Blocks whose runtime and parent are remembered. */
const REMEMBERED = 256

export type Header = Block & { parent: string }

const changeSets = list(struct((field) => field('changes', list(pair(bytes, orNull(bytes))))))
const number: Reading<number> = (value, what) => count(Number(bytes(padded(text(value, what)), what)), what)
const headerJson = struct((field) => ({ number: field('number', number), parent: field('parentHash', bytes) }))

/**
 * Reads over one connection, in plain values. Every reading names the block it is of, so that it is decoded by the runtime which wrote
 * that block, also around a runtime upgrade.
 */
export class Reader implements Link {
  readonly rpc: Rpc
  readonly genesis: string
  readonly #codecs: Codecs
  readonly #codeAt = new Map<string, Promise<Codec>>()
  readonly #headers = new Map<string, Header>()
  #current: Codec

  private constructor(rpc: Rpc, genesis: string, codecs: Codecs, current: Codec) {
    this.rpc = rpc
    this.genesis = genesis
    this.#codecs = codecs
    this.#current = current
  }

  static async open(rpc: Rpc, genesis: string, codecs: Codecs): Promise<Reader> {
    const best = await rpc.ask('chain_getBlockHash', [], bytes)
    const reader = new Reader(rpc, genesis, codecs, await codecs.at(rpc, best))
    await rpc.subscribe('state_subscribeRuntimeVersion', [], 'state_unsubscribeRuntimeVersion', () => reader.#upgraded())
    return reader
  }

  get endpoint(): string {
    return this.rpc.name
  }

  get spec(): number {
    return this.#current.version.specVersion
  }

  hasItem(item: ItemName): boolean {
    return this.#current.hasItem(item)
  }

  hasMethod(method: MethodName): boolean {
    return this.#current.hasMethod(method)
  }

  hasCall(name: string): boolean {
    return this.#current.hasCall(name)
  }

  constant(name: string): Plain {
    return this.#current.constant(name)
  }

  async read(item: ItemName, keys: unknown[], at: string | undefined): Promise<Plain> {
    const hash = at ?? (await this.best())
    const codec = await this.stateCodec(hash)
    const stored = await this.rpc.ask('state_getStorage', [codec.storageKey(item, keys), hash], orNull(bytes))
    return codec.decodeItem(item, stored)
  }

  async readMany(wanted: [item: ItemName, keys: unknown[]][], at: string | undefined): Promise<Plain[]> {
    const hash = at ?? (await this.best())
    const codec = await this.stateCodec(hash)
    const asked = wanted.map(([item, keys]) => ({ item, key: codec.storageKey(item, keys) }))
    const stored = await this.#stored(
      asked.map(({ key }) => key),
      hash,
    )
    return asked.map(({ item, key }) => codec.decodeItem(item, stored.get(key) ?? null))
  }

  async entries(item: ItemName, keys: unknown[], at: string | undefined): Promise<[keys: Plain[], value: Plain][]> {
    const hash = at ?? (await this.best())
    const codec = await this.stateCodec(hash)
    const prefix = codec.storagePrefix(item, keys)
    const found: [Plain[], Plain][] = []
    for (let last: string | null = null; ;) {
      const page: string[] = await this.rpc.ask('state_getKeysPaged', [prefix, PAGE, last, hash], list(bytes))
      const stored = await this.#stored(page, hash)
      for (const key of page) found.push([codec.keysOf(item, key).slice(keys.length), codec.decodeItem(item, stored.get(key) ?? null)])
      if (page.length < PAGE) return found
      last = page.at(-1) ?? null
    }
  }

  async call(method: MethodName, args: unknown[], at: string | undefined): Promise<Plain> {
    const hash = at ?? (await this.best())
    const codec = await this.codeCodec(hash)
    const answer = await this.rpc.ask('state_call', [method.replace('.', '_'), codec.encodeArguments(method, args), hash], bytes)
    return codec.decodeAnswer(method, answer)
  }

  async hashAt(number: number): Promise<string | null> {
    return this.rpc.ask('chain_getBlockHash', [number], orNull(bytes))
  }

  async best(): Promise<string> {
    return this.rpc.ask('chain_getBlockHash', [], bytes)
  }

  async blockOf(hash: string): Promise<Header> {
    const known = this.#headers.get(hash)
    if (known) return known
    const header = await this.rpc.ask('chain_getHeader', [hash], orNull(headerJson))
    if (!header) throw new ChainError('NoSuchBlock', 'request', `${this.endpoint} does not know the block ${hash}: ask for one of the best chain`, true)
    return this.#remember({ hash, ...header })
  }

  /** A header as it came with a subscription, which leaves its hash out. */
  header(json: HeaderJson): Header {
    const header = headerJson(json, 'a header')
    return this.#remember({ hash: this.#current.headerHash(json), ...header })
  }

  /** The runtime that runs on top of a block: it answers calls, and takes the next transactions. */
  codeCodec(hash: string): Promise<Codec> {
    const known = this.#codeAt.get(hash)
    if (known) return known
    const made = this.#codecs.at(this.rpc, hash)
    bounded(this.#codeAt, hash, made)
    made.catch(() => this.#codeAt.delete(hash))
    return made
  }

  /** The runtime that wrote the state of a block: its parent's. */
  async stateCodec(hash: string): Promise<Codec> {
    if (hash === this.genesis) return this.codeCodec(hash)
    const { parent } = await this.blockOf(hash)
    return this.codeCodec(parent)
  }

  /** A key that is left out of an answer is not one without a value. */
  async #stored(keys: string[], hash: string): Promise<Map<string, string | null>> {
    const stored = new Map<string, string | null>()
    for (let i = 0; i < keys.length; i += PAGE) {
      const sets = await this.rpc.ask('state_queryStorageAt', [keys.slice(i, i + PAGE), hash], changeSets)
      for (const [key, value] of sets.flat()) stored.set(key, value)
    }
    for (const key of keys) if (!stored.has(key)) throw nonsense('the answer to state_queryStorageAt', 'leaves out what was asked for')
    return stored
  }

  #remember(header: Header): Header {
    bounded(this.#headers, header.hash, header)
    return header
  }

  /** Names are looked up in the newest runtime. When that cannot be had, the pulse or the next reading finds out. */
  #upgraded(): void {
    const newest = async () => (this.#current = await this.codeCodec(await this.best()))
    newest().catch(() => undefined)
  }
}

/** Whole bytes, of a number in hex. */
function padded(hex: string): string {
  return hex.length % 2 === 0 ? hex : hex.replace(/^0x/, '0x0')
}

function bounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size > REMEMBERED) for (const oldest of [...map.keys()].slice(0, REMEMBERED / 2)) map.delete(oldest)
}
