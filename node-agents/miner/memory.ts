import * as z from 'zod'
import { allocationFact, allocationId, failure, type Failure, type WishEntry } from '../../schema/index.ts'
import { readJson, writeAtomic } from '../core/files.ts'
import { type Key, keyOf } from './key.ts'

/**
 * What became of a container, over restarts:
 *
 *   making ──▶ made ──▶ ended
 *      └──────────────────▲
 *
 * `making` stands on disk before the engine is asked, so what a crash leaves half made is known as such.
 * `made` stands on disk before anybody is told it runs, so a missing one is never made anew, empty.
 */
const life = z.object({
  allocation: allocationId,
  incarnation: z.number().int().positive(),
  stage: z.enum(['making', 'made', 'ended']),
  failure: failure.nullable(),
  /** One-shot acts that were executed. */
  restart_n: z.number().int().nonnegative(),
  keys_n: z.number().int().nonnegative(),
  /** A counted restart was begun and is not known to be done: if it has ended, that is why. */
  restarting: z.boolean().optional(),
  /** Its counters were lost: what the next wish asks for counts as done. */
  unsure: z.boolean().optional(),
  /** Fingerprints of every key that may be let in; null: not known. */
  keys: z.array(z.string()).nullable().default(null),
  /** The end that was agreed last; null: not known. It holds without the edge and without a wish. */
  expires_at_ms: z.number().nullable().default(null),
  /** How long each stage of making it took. */
  took: allocationFact.shape.took,
  at_ms: z.number(),
})
export type Life = z.infer<typeof life>
export type Lives = ReadonlyMap<Key, Life>

type Subject = Pick<Life, 'allocation' | 'incarnation'>
/** What a container is begun with. */
type Terms = Pick<Life, 'restart_n' | 'keys_n' | 'keys' | 'expires_at_ms'>

const NEW = { stage: 'making', failure: null, restart_n: 0, keys_n: 0, keys: null, expires_at_ms: null } as const

const FIX = 'Restore it from a backup. Without it the agent cannot tell a lost container from a new one: only if nothing is rented here, remove the file.'
/** A container is remembered this long after it and its wish are gone: a wish from a restored database must not make it anew. */
const REMEMBER_MS = 24 * 3600_000

/** The agent's memory of its containers, in one small file. Every change is on disk when its promise resolves. */
export class Memory {
  readonly #path: string
  readonly #wallMs: () => number
  readonly #lives: Map<Key, Life>
  #writing: Promise<void> = Promise.resolve()
  #queued: Promise<void> | null = null

  private constructor(path: string, wallMs: () => number, lives: Life[]) {
    this.#path = path
    this.#wallMs = wallMs
    this.#lives = new Map(lives.map((l) => [keyOf(l), l]))
  }

  static async open(path: string, wallMs: () => number): Promise<Memory> {
    return new Memory(path, wallMs, (await readJson(path, z.array(life), FIX)) ?? [])
  }

  get lives(): Lives {
    return this.#lives
  }

  isMade(s: Subject): boolean {
    return this.#lives.get(keyOf(s))?.stage === 'made'
  }

  failureOf(s: Subject): Failure | null {
    return this.#lives.get(keyOf(s))?.failure ?? null
  }

  making(s: Subject, terms: Terms): Promise<void> {
    return this.#set(s, { stage: 'making', failure: null, ...terms })
  }

  made(s: Subject, more: Partial<Terms> & Pick<Life, 'took'> = {}): Promise<void> {
    return this.#set(s, { stage: 'made', failure: null, ...more })
  }

  ended(s: Subject, why: Failure | null): Promise<void> {
    return this.#set(s, { stage: 'ended', failure: why })
  }

  /** Counts a restart before it is done, so that it is done once at most. Rejects with nothing changed when the disk does not take it. */
  async restarting(s: Subject, restart_n: number): Promise<void> {
    const before = this.#lives.get(keyOf(s))
    try {
      await this.#set(s, { restart_n, restarting: true })
    } catch (error) {
      if (before) this.#lives.set(keyOf(s), before)
      throw error
    }
  }

  /** It runs again. */
  restarted(s: Subject): Promise<void> {
    return this.#set(s, { restarting: false })
  }

  /** Before keys are replaced: from now on the old ones and the new ones may be let in. */
  rekeying(s: Subject, keys: readonly string[]): Promise<void> {
    const before = this.#lives.get(keyOf(s))?.keys ?? null
    return this.#set(s, { keys: before && [...new Set([...before, ...keys])] })
  }

  /** And after. */
  rekeyed(s: Subject, keys_n: number, keys: string[]): Promise<void> {
    return this.#set(s, { keys_n, keys })
  }

  /** Keeps the ends that the wish agrees to, for the day it does not mention them. */
  async agreed(entries: readonly WishEntry[]): Promise<void> {
    const moved = entries.flatMap((e) => {
      const known = this.#lives.get(keyOf(e))
      return e.kind === 'container' && known && known.stage !== 'ended' && known.expires_at_ms !== e.expires_at_ms ? [{ known, end: e.expires_at_ms }] : []
    })
    for (const { known, end } of moved) this.#lives.set(keyOf(known), { ...known, expires_at_ms: end })
    if (moved.length > 0) await this.#save()
  }

  /** Takes in containers that are there, of whose acts nothing is known. */
  adopt(subjects: readonly Subject[]): Promise<void> {
    const known = { ...NEW, stage: 'made', unsure: true, at_ms: this.#wallMs() } as const
    for (const { allocation, incarnation } of subjects) this.#lives.set(keyOf({ allocation, incarnation }), { allocation, incarnation, ...known })
    return this.#save()
  }

  /**
   * Settles the counters that were lost. No tenant is restarted for it; the last change of keys is done once more,
   * because it may not have been done, and an old key must not stay in.
   */
  async learn(entries: readonly WishEntry[]): Promise<void> {
    const wished = new Map(entries.flatMap((e) => (e.kind === 'container' ? [[keyOf(e), e] as const] : [])))
    const unsure = [...this.#lives].filter(([key, life]) => life.unsure && wished.has(key))
    for (const [key, life] of unsure) {
      const { restart_n, keys_n } = wished.get(key) ?? life
      this.#lives.set(key, { ...life, restart_n, keys_n: Math.max(0, keys_n - 1), unsure: false })
    }
    if (unsure.length > 0) await this.#save()
  }

  /** As if it had never been: it may be made again. */
  forget(s: Subject): Promise<void> {
    this.#lives.delete(keyOf(s))
    return this.#save()
  }

  /** Drops what happened long ago. @param keep what the wish mentions or the engine shows */
  async prune(keep: ReadonlySet<Key>): Promise<void> {
    const old = [...this.#lives].filter(([key, l]) => !keep.has(key) && this.#wallMs() - l.at_ms > REMEMBER_MS)
    for (const [key] of old) this.#lives.delete(key)
    if (old.length > 0) await this.#save()
  }

  #set({ allocation, incarnation }: Subject, change: Partial<Life>): Promise<void> {
    const key = keyOf({ allocation, incarnation })
    this.#lives.set(key, { ...NEW, ...this.#lives.get(key), ...change, allocation, incarnation, at_ms: this.#wallMs() })
    return this.#save()
  }

  /** Changes that come while a write runs share the next one: sixteen starts at once cost two writes, not sixteen. */
  #save(): Promise<void> {
    this.#queued ??= this.#writing.then(() => {
      this.#queued = null
      const write = writeAtomic(this.#path, JSON.stringify([...this.#lives.values()]))
      this.#writing = write.catch(() => undefined) // whoever asked for this write gets its failure; the next write is not to blame
      return write
    })
    return this.#queued
  }
}
