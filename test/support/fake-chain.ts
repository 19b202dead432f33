import type { Block, ChainStatus, Metagraph } from '../../node-agents/core/chain/types.ts'
import type { Chain } from '../../node-agents/core/ports.ts'

type Wanted = Pick<Chain, 'status' | 'onHead' | 'onFinalized' | 'hashAt' | 'metagraph' | 'hyperparameters'>

/** A chain that says what a test tells it to. @param fork stands in its hashes */
export class FakeChain implements Wanted {
  readonly genesis: string
  readonly #fork: string
  readonly #heads = new Set<(b: Block) => void>()
  readonly #finals = new Set<(b: Block) => void>()
  head: Block | null = null
  finalized: Block | null = null
  /** Thrown by whatever is asked; null: it answers. */
  away: Error | null = null
  neurons: Metagraph['neurons'] = []
  limits = { stakeThreshold: 0n, maxValidators: 64 }
  /** Blocks whose metagraph was asked for. */
  readonly asked: number[] = []

  constructor(fork = 'b') {
    this.#fork = fork
    this.genesis = this.block(0).hash
  }

  block(number: number): Block {
    return { number, hash: `0x${this.#fork}${String(number).padStart(63, '0')}` }
  }

  /** A new best block, and what is finalized with it. */
  grow(head: number, finalized = head): void {
    this.head = this.block(head)
    this.finalized = this.block(finalized)
    for (const heard of this.#heads) heard(this.head)
    for (const heard of this.#finals) heard(this.finalized)
  }

  status(): ChainStatus {
    const { head, finalized, genesis } = this
    const rest = { endpoint: 'ws://fake', connectedSinceMs: 0, headAtMs: 0, spec: 425, failovers: 0, trouble: null }
    return { ...rest, head, finalized, genesis: head && genesis }
  }

  onHead(heard: (b: Block) => void): () => void {
    this.#heads.add(heard)
    return () => void this.#heads.delete(heard)
  }

  onFinalized(heard: (b: Block) => void): () => void {
    this.#finals.add(heard)
    return () => void this.#finals.delete(heard)
  }

  async hashAt(number: number): Promise<string | null> {
    if (this.away) throw this.away
    return number <= (this.head?.number ?? -1) ? this.block(number).hash : null
  }

  async metagraph(netuid: number, at?: string): Promise<Metagraph> {
    if (this.away) throw this.away
    const number = at === undefined ? (this.head?.number ?? 0) : Number(at.slice(3))
    this.asked.push(number)
    const block = { number, hash: at ?? this.block(number).hash }
    return { netuid, block, timestampMs: 1_700_000_000_000 + number, tempo: 360, ownerHotkey: null, ownerColdkey: null, neurons: this.neurons }
  }

  async hyperparameters(): ReturnType<Chain['hyperparameters']> {
    if (this.away) throw this.away
    return this.limits as Awaited<ReturnType<Chain['hyperparameters']>>
  }

  /** As the whole port: what a test does not use is not there. */
  port(): Chain {
    return this as unknown as Chain
  }
}
