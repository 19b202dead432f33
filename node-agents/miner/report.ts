import type { AllocationFact, Failure, Phase, Report, WishEntry } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import type { Note, Notes } from './book.ts'
import { type InFlight, isOver } from './diff.ts'
import { type Key, keyOf } from './key.ts'
import type { Life, Lives } from './memory.ts'
import { endedWith } from './tools.ts'
import type { Unreadable } from './wish.ts'

/** What a report is made of. */
export type Known = {
  entries: readonly WishEntry[]
  unreadable: readonly Unreadable[]
  /** null: the engine was never seen, so nothing can be said about any container. */
  containers: readonly Container[] | null
  engineOk: boolean
  notes: Notes
  /** Whether the engine was asked, since the last work on it ended, and does not have it. */
  sure: (key: Key) => boolean
  worn: ReadonlySet<Key>
  lives: Lives
  inFlight: readonly InFlight[]
  nowMs: number | null
}

type Fact = Pick<AllocationFact, 'phase' | 'error' | 'progress' | 'endpoint'>

const fact = (phase: Phase, more: Partial<Fact> = {}): Fact => ({ phase, error: null, progress: null, endpoint: null, ...more })
const failed = (error: Failure): Fact => fact('failed', { error })

const UNSUPPORTED: Failure = { code: 'unsupported', message: 'this agent does not understand this entry: upgrade the agent' }
const MISSING: Failure = { code: 'container_missing', message: 'the container is not on this host now; it is looked for again' }
const AWAY: Failure = { code: 'engine_error', message: 'the container engine of this host does not answer' }

/** A fact for every entry of the wish: gone is said, never implied. Pure. */
export function factsOf(k: Known): AllocationFact[] {
  if (!k.containers) return []
  const rows = new Map(k.containers.map((c) => [keyOf(c), c]))
  return [...k.entries.map((e) => factOf(e, rows.get(keyOf(e)), k)), ...k.unreadable.map((u) => unsupported(u, rows.get(keyOf(u)), k))]
}

/** Containers of ours that the wish does not mention. Pure. */
export function unexplainedOf(k: Known): { id: string; incarnation: number }[] {
  const wished = new Set([...k.entries, ...k.unreadable].map(keyOf))
  return (k.containers ?? []).filter((c) => !wished.has(keyOf(c))).map((c) => ({ id: c.allocation, incarnation: c.incarnation }))
}

/** What runs is not ended because the edge says something new about it. */
function unsupported(u: Unreadable, row: Container | undefined, k: Known): AllocationFact {
  const fact = row ? { ...present(row, k.notes.get(keyOf(u)), k.worn.has(keyOf(u))), error: UNSUPPORTED } : failed(UNSUPPORTED)
  return { id: u.id, incarnation: u.incarnation, observed_generation: u.generation, restart_n: 0, keys_n: 0, trace: u.trace, ...fact }
}

function factOf(e: WishEntry, row: Container | undefined, k: Known): AllocationFact {
  const life = k.lives.get(keyOf(e))
  const { id, incarnation, generation, trace } = e
  const seen = see(e, row, life, k)
  const counted = { restart_n: k.notes.get(keyOf(e))?.owed ?? life?.restart_n ?? 0, keys_n: life?.keys_n ?? 0 }
  return { id, incarnation, observed_generation: generation, ...counted, trace, ...seen, ...(seen.phase === 'running' && life?.took && { took: life.took }) }
}

function see(e: WishEntry, row: Container | undefined, life: Life | undefined, k: Known): Fact {
  const note = k.notes.get(keyOf(e))
  const working = k.inFlight.some((f) => f.allocation === e.id && f.incarnation === e.incarnation)
  if (isOver(e, k.nowMs)) return row || working || !k.sure(keyOf(e)) ? fact('stopping', { error: note?.failure ?? null }) : fact('gone')
  if (life?.stage === 'ended' && life.failure) return failed(life.failure)
  if (row && !(working && note?.phase)) return present(row, note, k.worn.has(keyOf(e)))
  return absent(e, note, life, working, k)
}

function present(row: Container, note: Note | undefined, worn: boolean): Fact {
  const error = note?.failure ?? note?.ended ?? null
  if (row.state === 'exited')
    return fact('starting', {
      error: worn ? endedWith(row, 'as before, again and again: it is started later') : (note?.failure ?? endedWith(row, 'it is started again')),
    })
  if (row.state === 'paused') return fact('paused', { endpoint: note?.endpoint ?? null, error: note?.held ?? error })
  if (row.state === 'running' && note?.endpoint) return fact('running', { endpoint: note.endpoint, error })
  return fact('starting', { progress: note?.progress ?? null, error })
}

function absent(e: WishEntry, note: Note | undefined, life: Life | undefined, working: boolean, k: Known): Fact {
  if (working) return fact(note?.phase ?? 'creating', { progress: note?.progress ?? null, endpoint: note?.phase === 'paused' ? note.endpoint : null })
  if (life?.stage === 'made') return fact('starting', { error: k.engineOk ? MISSING : AWAY })
  if (!k.engineOk && !life && e.kind === 'container' && e.desired === 'run') return failed(AWAY)
  return fact('none')
}

const FINAL: ReadonlySet<Phase> = new Set(['running', 'paused', 'gone', 'failed'])
/** How long news may wait for more news (ms): somebody waits for an outcome, nobody for a step on the way. */
export const NEWS_MS = { outcome: 0, step: 1000, progress: 5000 } as const

/** The part of a report that may be news. */
export type News = Pick<Report, 'allocations' | 'unexplained' | 'foreign' | 'engine'>

/** How soon the edge should hear of what changed since it last did; null: nothing did. Pure. */
export function newsIn(told: News, now: News): number | null {
  const before = new Map(told.allocations.map((f) => [keyOf(f), f]))
  const delays = now.allocations.map((f) => urgency(before.get(keyOf(f)), f)).filter((d) => d !== null)
  const rest = ({ unexplained, foreign, engine }: News) => JSON.stringify([unexplained, foreign, engine])
  if (rest(told) !== rest(now)) delays.push(NEWS_MS.step)
  return delays.length > 0 ? Math.min(...delays) : null
}

function urgency(before: AllocationFact | undefined, now: AllocationFact): number | null {
  const same = (f: AllocationFact) => JSON.stringify({ ...f, progress: null })
  if (before && same(before) === same(now)) return JSON.stringify(before.progress) === JSON.stringify(now.progress) ? null : NEWS_MS.progress
  return FINAL.has(now.phase) && outcome(now) !== (before && outcome(before)) ? NEWS_MS.outcome : NEWS_MS.step
}

/** What somebody waits for: the phase, and the acts that were asked for. */
const outcome = (f: AllocationFact) => `${f.phase} ${f.restart_n} ${f.keys_n}`
