import { type Extrinsic, parseExtrinsic } from './extrinsic.ts'
import { RpcError } from './errors.ts'

/** What author_submitAndWatchExtrinsic tells of a transaction. */
export type Status = 'ready' | 'future' | 'invalid' | 'dropped' | { inBlock: string } | { retracted: string } | { finalized: string } | { usurped: string }

/** A transaction on its way, from the pool to a finalized block. */
export type Pooled = { extrinsic: Extrinsic; ready: boolean; notify: (status: Status) => void }

/** What a node does not look at again for a while, ms. */
const BAN_MS = 30 * 60_000
/** As a node's default for ready ones. */
const MOST_POOLED = 8192

export type PoolNeeds = {
  /** Throws the RpcError of a transaction that is bad at the head. */
  check: (extrinsic: Extrinsic) => void
  /** Next nonce of an account at the head. */
  nonce: (signer: string) => number
  nowMs: () => number
}

/** Transactions that stand in no block yet, in order of arrival. */
export class Pool {
  readonly #needs: PoolNeeds
  readonly #pooled = new Map<string, Pooled>()
  readonly #banned = new Map<string, number>()
  #refusals: RpcError[] = []

  constructor(needs: PoolNeeds) {
    this.#needs = needs
  }

  /** Whatever comes next is refused, so many times. */
  refuseNext(times: number, error: RpcError): void {
    this.#refusals = Array.from({ length: times }, () => error)
  }

  /** Gives the hash; throws the RpcError a node would answer. */
  submit(hex: string, notify: (status: Status) => void = () => undefined): string {
    const refusal = this.#refusals.shift()
    if (refusal) throw refusal
    const extrinsic = parseExtrinsic(hex)
    const { hash } = extrinsic
    if (this.#pooled.has(hash)) throw new RpcError(1013, 'Transaction Already Imported', hash)
    if ((this.#banned.get(hash) ?? 0) > this.#needs.nowMs()) throw new RpcError(1012, 'Transaction is temporarily banned')
    try {
      this.#needs.check(extrinsic)
    } catch (error) {
      this.#ban(hash)
      throw error
    }
    if (this.#pooled.size >= MOST_POOLED) throw new RpcError(1016, 'Immediately Dropped', "The transaction couldn't enter the pool because of the limit")
    this.#replace(extrinsic)
    this.#add({ extrinsic, ready: false, notify })
    return hash
  }

  /** Puts back what a retracted block held. */
  restore(pooled: Pooled[]): void {
    for (const one of pooled) {
      this.#banned.delete(one.extrinsic.hash)
      this.#add({ ...one, ready: false })
    }
  }

  /** In the order a block would take them. */
  ready(): Pooled[] {
    return [...this.#pooled.values()].filter((pooled) => pooled.ready).toSorted((a, b) => a.extrinsic.nonce - b.extrinsic.nonce)
  }

  all(): Pooled[] {
    return [...this.#pooled.values()]
  }

  /** The nonce after all that are ready. */
  nextIndex(signer: string): number {
    const used = new Set(this.all().flatMap(({ extrinsic }) => (extrinsic.signer === signer ? [extrinsic.nonce] : [])))
    let next = this.#needs.nonce(signer)
    while (used.has(next)) next++
    return next
  }

  /** After a block: what stands in it leaves, what is bad by now is said to be, what waited for it may be ready. */
  advance(included: Pooled[]): void {
    for (const { extrinsic } of included) {
      this.#pooled.delete(extrinsic.hash)
      this.#ban(extrinsic.hash)
    }
    for (const pooled of this.all()) {
      try {
        this.#needs.check(pooled.extrinsic)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        this.remove(pooled, 'invalid')
      }
    }
    this.#promote()
  }

  /** Takes one out and says why. */
  remove(pooled: Pooled, status: Status): void {
    this.#pooled.delete(pooled.extrinsic.hash)
    this.#ban(pooled.extrinsic.hash)
    pooled.notify(status)
  }

  #ban(hash: string): void {
    const now = this.#needs.nowMs()
    for (const [old, until] of this.#banned) if (until <= now) this.#banned.delete(old)
    this.#banned.set(hash, now + BAN_MS)
  }

  /** Two with one nonce: only a higher tip goes first. */
  #replace({ signer, nonce, tip, hash }: Extrinsic): void {
    const rival = this.all().find(({ extrinsic }) => extrinsic.signer === signer && extrinsic.nonce === nonce)
    if (!rival) return
    if (tip <= rival.extrinsic.tip) {
      const why = 'The transaction has too low priority to replace another transaction already in the pool.'
      throw new RpcError(1014, `Priority is too low: (${rival.extrinsic.tip} vs ${tip})`, why)
    }
    this.remove(rival, { usurped: hash })
  }

  #add(pooled: Pooled): void {
    this.#pooled.set(pooled.extrinsic.hash, pooled)
    this.#promote()
    if (!pooled.ready) pooled.notify('future')
  }

  /** Ready is what has no gap of nonces before it. */
  #promote(): void {
    for (const pooled of this.all()) {
      if (pooled.ready || pooled.extrinsic.nonce >= this.nextIndex(pooled.extrinsic.signer)) continue
      pooled.ready = true
      pooled.notify('ready')
    }
  }
}
