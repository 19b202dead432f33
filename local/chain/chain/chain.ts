import type { Log } from '../../../node-agents/core/log.ts'
import { Runtime } from '../runtime/runtime.ts'
import { State } from '../state/state.ts'
import type { Context, Pallet, Part } from '../types.ts'
import { nonceOf } from './accounts.ts'
import { type Block, type Edit, makeHeader, ZERO_HASH } from './block.ts'
import { check } from './check.ts'
import { RpcError } from './errors.ts'
import { execute, rootOf } from './execute.ts'
import type { Extrinsic } from './extrinsic.ts'
import { FRAME } from './frame.ts'
import { Pool } from './pool.ts'

/** The spec version whose names and types the declarations follow. */
export const SPEC_VERSION = 425
/** A node that is no archive keeps about as many states. */
const STATES_KEPT = 300
/** A metagraph of a full subnet is a megabyte, so answers are not kept as long as states. */
const ANSWERS_KEPT = 10
/** Of older blocks only the hash is known. */
const BLOCKS_KEPT = 5000

export type ChainListener = {
  /** A block is the new best one. */
  head: (block: Block) => void
  finalized: (block: Block) => void
}

/** `resume`: what an earlier process left, the oldest block first; only the last has its state. */
export type ChainOptions = { parts: Part[]; nowMs: () => number; log: Log; resume?: (chain: Chain) => { genesisHash: string; blocks: Block[] } | null }

/** Blocks, the state after each, and the transactions between them. Nothing here waits or listens: `author.ts` says when, `rpc/` to whom. */
export class Chain {
  readonly pallets: Map<string, Pallet>
  readonly pool: Pool
  readonly genesisHash: string
  readonly listeners = new Set<ChainListener>()
  readonly #options: ChainOptions
  readonly #runtimes = new Map<number, Runtime>()
  /** The oldest first, as the next. */
  readonly #byHash = new Map<string, Block>()
  readonly #withState = new Set<Block>()
  /** The best chain by number. */
  readonly #best = new Map<number, Block>()
  #head: Block
  #finalized: Block
  #edits: Edit[] = []
  #pending: { head: Block; state: State } | null = null
  #made = 0

  constructor(options: ChainOptions) {
    this.#options = options
    this.pallets = new Map([...FRAME, ...options.parts.flatMap((part) => part.code)].map((pallet) => [pallet.name, pallet]))
    const resumed = options.resume?.(this)
    const last = resumed?.blocks.at(-1) ?? this.#makeGenesis()
    for (const block of resumed?.blocks ?? [last]) this.#keep(block)
    this.genesisHash = resumed?.genesisHash ?? last.hash
    this.#head = last
    this.#finalized = last
    this.pool = new Pool({
      check: (extrinsic) => this.#check(extrinsic),
      nonce: (signer) => nonceOf(new State(this.#head.runtime, rootOf(this.#head)), signer),
      nowMs: options.nowMs,
    })
  }

  get head(): Block {
    return this.#head
  }

  get finalized(): Block {
    return this.#finalized
  }

  /** A runtime of the declarations; those after the first have moved indices. */
  runtime(specVersion: number): Runtime {
    const runtime = this.#runtimes.get(specVersion) ?? new Runtime(this.#options.parts, specVersion, specVersion - SPEC_VERSION)
    this.#runtimes.set(specVersion, runtime)
    return runtime
  }

  block(hash: string): Block | undefined {
    return this.#byHash.get(hash)
  }

  /** On the best chain. Blocks from before this process are known by their hash alone. */
  hashAt(number: number): string | null {
    const block = this.#best.get(number)
    if (block) return block.hash
    if (number === 0) return this.genesisHash
    const hash = number < this.#head.number ? this.stateAt(this.#head).get<string>('System.BlockHash', number) : ZERO_HASH
    return hash === ZERO_HASH ? null : hash
  }

  /** Throws the RpcError of a node that has discarded it. */
  stateAt(block: Block): State {
    if (block.root === undefined) throw RpcError.discarded(block.hash)
    return new State(block.runtime, block.root)
  }

  /** What a runtime API sees at a block. */
  contextAt(block: Block): Context {
    return { storage: this.stateAt(block), block: block.number, nowMs: block.nowMs, emit: () => undefined }
  }

  /** Writes from outside; part of the next block. Gives what the function gives, seeing earlier edits. */
  edit<T>(write: (ctx: Context) => T): T {
    const state = this.#pendingState()
    const before = state.root
    try {
      const result = write(this.#editContext(state))
      this.#edits.push(write)
      return result
    } catch (error) {
      state.root = before
      throw error
    }
  }

  /** What a function reads, with the edits that are in no block yet. */
  peek<T>(read: (ctx: Context) => T): T {
    return read(this.#editContext(this.#pendingState()))
  }

  /** Another runtime from the next block on. */
  upgrade(): Block {
    const next = this.runtime(this.#head.runtime.version.specVersion + 1)
    this.edit((ctx) => {
      ctx.storage.put('System.LastRuntimeUpgrade', [], { spec_version: next.version.specVersion, spec_name: 'node-subtensor' })
      ctx.emit('System.CodeUpdated')
    })
    return this.produce(next)
  }

  /** One block on top of the head; what follows it runs under `next`. */
  produce(next?: Runtime): Block {
    const edits = this.#edits
    this.#edits = []
    this.#pending = null
    return this.#extend(edits, next)
  }

  /** Blocks up to this number are final; never backwards. */
  finalize(to: number = this.#head.number): void {
    for (let number = this.#finalized.number + 1; number <= Math.min(to, this.#head.number); number++) {
      const block = this.#best.get(number)
      if (!block) throw new Error(`block ${number} is not on the best chain`)
      this.#finalized = block
      this.#prune(block.number)
      for (const { finalized } of this.listeners) finalized(block)
      block.touched.clear()
      for (const { notify } of block.transactions) notify({ finalized: block.hash })
    }
  }

  /** Replaces the last blocks by as many others and one more, which hold the same transactions again. Throws when one of them is final. */
  reorg(depth: number): Block[] {
    const retracted = Array.from({ length: depth }, (_, i) => this.#best.get(this.#head.number - depth + 1 + i))
    const first = retracted[0]
    if (!first?.parent || first.number <= this.#finalized.number)
      throw new Error(`the last ${depth} blocks are not all open: ${this.#finalized.number} is final`)
    this.#head = first.parent
    const again: Edit[] = []
    for (const block of retracted) {
      if (!block) continue
      this.#best.delete(block.number)
      for (const { notify } of block.transactions) notify({ retracted: block.hash })
      this.pool.restore(block.transactions)
      again.push(...block.edits)
    }
    this.#pending = null
    return Array.from({ length: depth + 1 }, (_, i) => this.#extend(i === 0 ? again : []))
  }

  #pendingState(): State {
    const head = this.#head
    if (this.#pending?.head !== head) {
      const state = new State(head.runtime, rootOf(head))
      for (const edit of this.#edits) edit(this.#editContext(state))
      this.#pending = { head, state }
    }
    return this.#pending.state
  }

  #editContext(state: State): Context {
    return { storage: state, block: this.#head.number + 1, nowMs: this.#options.nowMs(), emit: () => undefined }
  }

  #extend(edits: Edit[], next?: Runtime): Block {
    const parent = this.#head
    // Time never stands still between two blocks, even when they are made in one go.
    const nowMs = Math.max(this.#options.nowMs(), parent.nowMs + 1)
    const { genesisHash: genesis, pallets } = this
    const transactions = this.pool.ready()
    const { block, refused, broken } = execute({ parent, genesis, nowMs, pallets, edits, transactions, salt: this.#made++ })
    for (const err of broken) this.#options.log.error({ err }, 'what a control wrote cannot be written on this block')
    if (next) block.runtime = next
    this.#keep(block)
    this.#head = block
    for (const { pooled, error } of refused) {
      if (!(error instanceof RpcError)) this.#options.log.error({ err: error, hash: pooled.extrinsic.hash }, 'a call broke the chain that runs it')
      this.pool.remove(pooled, 'invalid')
    }
    this.#best.get(block.number - ANSWERS_KEPT)?.answers.clear()
    for (const { head } of this.listeners) head(block)
    for (const { notify } of block.transactions) notify({ inBlock: block.hash })
    this.pool.advance(block.transactions)
    return block
  }

  #check(extrinsic: Extrinsic): void {
    const { runtime, number, nowMs, hash: parentHash } = this.#head
    check(extrinsic, { state: this.stateAt(this.#head), runtime, pallets: this.pallets, number: number + 1, nowMs, genesis: this.genesisHash, parentHash })
  }

  #keep(block: Block): void {
    this.#byHash.set(block.hash, block)
    this.#withState.add(block)
    this.#best.set(block.number, block)
  }

  /** Long before the last finalized block there are headers and extrinsics only, and longer before nothing. */
  #prune(finalized: number): void {
    for (const block of this.#withState) {
      if (block.number > finalized - STATES_KEPT) break
      block.root = undefined
      block.parent = null
      block.answers.clear()
      this.#withState.delete(block)
    }
    for (const block of this.#byHash.values()) {
      if (block.number > finalized - BLOCKS_KEPT) break
      this.#byHash.delete(block.hash)
      this.#best.delete(block.number)
    }
  }

  #makeGenesis(): Block {
    const runtime = this.runtime(SPEC_VERSION)
    const state = new State(runtime, null)
    const nowMs = 0
    for (const { genesis } of this.#options.parts) genesis({ storage: state, block: 0, nowMs, emit: () => undefined })
    const [header, hash] = makeHeader(runtime, { parentHash: ZERO_HASH, number: 0, extrinsics: [], nowMs, salt: new Uint8Array([0]) })
    const { root, touched } = state
    return { hash, number: 0, parent: null, header, extrinsics: [], transactions: [], edits: [], nowMs, runtime, root, touched, answers: new Map() }
  }
}
