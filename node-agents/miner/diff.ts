import type { Failure, WishEntry, WishRun } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import { type Key, keyOf } from './key.ts'
import type { Life, Lives } from './memory.ts'

/** Work under way for one allocation. `cancelled`: told to stop, not there yet. */
export type InFlight = { allocation: string; incarnation: number; kind: Working['kind']; gpus: readonly string[]; cancelled: boolean }

/** Everything a decision rests on. */
export type Situation = {
  /** null: no wish was verified, so nothing is decided. */
  entries: readonly WishEntry[] | null
  containers: readonly Container[]
  lives: Lives
  inFlight: readonly InFlight[]
  /** Answers an SSH client; worn out by restarts. */
  ready: ReadonlySet<Key>
  worn: ReadonlySet<Key>
  /** Made, and not seen for so long that it is lost. */
  missing: ReadonlySet<Key>
  /** A restart of these is counted and not done. */
  owed: ReadonlySet<Key>
  /** Frozen by the guard of the disk, until it lets them go. */
  held?: ReadonlySet<Key>
  /** Not mentioned by the wish, and may be removed all the same. */
  mayGo: ReadonlySet<Key>
  /** The edge's time, or null while nobody can say: then nothing expires. */
  nowMs: number | null
  /** The wish was heard from the edge since this process began. An old wish from disk starts nothing new. */
  fresh: boolean
  accept: (entry: WishRun) => Failure | null
}

export type Step =
  | { kind: 'cancel'; allocation: string; incarnation: number }
  /** `again`: a half-made leftover, to be made anew. */
  | { kind: 'remove'; container: Container; again: boolean; why: 'stop' | 'expired' | 'failed' | 'half_made' | 'late' | 'unexplained' }
  | { kind: 'start'; container: Container }
  | { kind: 'adopt'; container: Container; entry: WishRun }
  | { kind: 'pause'; container: Container }
  | { kind: 'unpause'; container: Container }
  | { kind: 'restart'; container: Container; entry: WishRun }
  | { kind: 'rekey'; container: Container; entry: WishRun }
  | { kind: 'fail'; entry: WishRun; failure: Failure }
  | { kind: 'run'; entry: WishRun }

/** Steps that take time, and so a worker. */
export type Working = Exclude<Step, { kind: 'cancel' | 'fail' }>

/**
 * What to do next. Pure. Stop comes before start: a run is only a step once nothing holds its GPUs, so removing and
 * running on one GPU are never in the same list. What the wish does not mention is not touched, but for what was never handed over
 * and what was held long enough.
 */
export function diff(s: Situation): Step[] {
  if (!s.entries) return []
  const busy = new Set(s.inFlight.map((f) => f.allocation))
  const rows = new Map(s.containers.map((c) => [keyOf(c), c]))
  const cancels = s.entries.flatMap((e) => cancel(e, s))
  const idle = s.entries.filter((e) => !busy.has(e.id))
  const ends = [...idle.flatMap((e) => end(e, rows.get(keyOf(e)), s)), ...strays(s, busy)]
  const keeps = idle.flatMap((e) => keep(e, rows.get(keyOf(e)), s))
  return [...cancels, ...onePerAllocation([...ends, ...keeps, ...starts(idle, rows, s, ends)])]
}

/** Two incarnations of one allocation can be in one wish: their work is done one after the other, in the order of the list. */
function onePerAllocation(steps: Step[]): Step[] {
  const seen = new Set<string>()
  return steps.filter((step) => {
    if (step.kind === 'fail' || step.kind === 'cancel') return true
    const allocation = 'entry' in step ? step.entry.id : step.container.allocation
    return !seen.has(allocation) && seen.add(allocation)
  })
}

type Removal = Extract<Step, { kind: 'remove' }>

export const isExpired = (e: WishEntry, nowMs: number | null): boolean => e.kind === 'container' && nowMs !== null && e.expires_at_ms <= nowMs

/** Whether nothing of this entry may be there. */
export const isOver = (e: WishEntry, nowMs: number | null): boolean => e.kind === 'tombstone' || e.desired === 'stop' || isExpired(e, nowMs)

/** A stop ends all work but a removal; an act does not wait for an SSH server that may never answer. */
function cancel(e: WishEntry, s: Situation): Step[] {
  const over = isOver(e, s.nowMs)
  if (!over && !isDue(e, s.lives.get(keyOf(e)))) return []
  const ends = (f: InFlight) => (over ? f.kind !== 'remove' : f.kind === 'adopt')
  const hit = s.inFlight.find((f) => f.allocation === e.id && f.incarnation === e.incarnation && ends(f) && !f.cancelled)
  return hit ? [{ kind: 'cancel', allocation: hit.allocation, incarnation: hit.incarnation }] : []
}

/** A run that was never handed over: nothing in it is a tenant's. */
const halfMade = (c: Container, life: Life | undefined) => life?.stage === 'making' || (c.state === 'created' && !c.started)

/** What the wish does not mention: what was never handed over goes at once, the rest once it was held long enough. */
function strays({ containers, entries, lives, mayGo }: Situation, busy: ReadonlySet<string>): Removal[] {
  const wished = new Set(entries?.map(keyOf))
  return containers.flatMap((container): Removal[] => {
    const key = keyOf(container)
    if (wished.has(key) || busy.has(container.allocation)) return []
    if (neverHandedOver(lives.get(key))) return [{ kind: 'remove', container, again: false, why: 'late' }]
    return mayGo.has(key) ? [{ kind: 'remove', container, again: false, why: 'unexplained' }] : []
  })
}

/**
 * What the engine brought after we had given it up: nobody ever logged in there, and nobody will ask for it again.
 * One whose loss was told is held: if it is back, it has a tenant's data.
 */
export const neverHandedOver = (life: Life | undefined): boolean =>
  life?.stage === 'making' || (life?.stage === 'ended' && life.failure !== null && life.failure.code !== 'container_missing')

function end(e: WishEntry, container: Container | undefined, s: Situation): Removal[] {
  if (!container) return []
  const step = (why: Extract<Step, { kind: 'remove' }>['why'], again = false) => [{ kind: 'remove' as const, container, again, why }]
  const life = s.lives.get(keyOf(e))
  if (isOver(e, s.nowMs)) return step(isExpired(e, s.nowMs) ? 'expired' : 'stop')
  if (e.kind !== 'container') return []
  if (life?.stage === 'ended') return step('failed')
  return halfMade(container, life) ? step('half_made', true) : []
}

function keep(e: WishEntry, container: Container | undefined, s: Situation): Step[] {
  if (e.kind !== 'container' || !container || isOver(e, s.nowMs)) return []
  const life = s.lives.get(keyOf(e))
  if (life?.stage === 'ended' || halfMade(container, life)) return []
  const step = act(e, container, life, s) ?? state(e, container, s)
  return step ? [step] : []
}

const isDue = (e: WishEntry, life: Life | undefined) =>
  e.kind === 'container' && life !== undefined && !life.unsure && (e.restart_n > life.restart_n || e.keys_n > life.keys_n)

/** One-shot acts, by their counters. A restart comes first: it also helps where nothing answers any more. Without counters there is no act. */
function act(entry: WishRun, container: Container, life: Life | undefined, s: Situation): Step | null {
  if (!life || life.unsure) return null
  if (entry.restart_n > life.restart_n || s.owed.has(keyOf(entry))) return { kind: 'restart', container, entry }
  if (entry.keys_n > life.keys_n && container.state !== 'exited') return { kind: 'rekey', container, entry }
  return null
}

/** The state it should be in. One that ended is started in any case, and paused once it runs: then it is there when its tenant is back. */
function state(entry: WishRun, container: Container, s: Situation): Step | null {
  const key = keyOf(entry)
  const known = s.ready.has(key) ? null : ({ kind: 'adopt', container, entry } as const)
  if (container.state === 'exited') return s.worn.has(key) ? null : { kind: 'start', container }
  if (container.state === 'paused') return entry.desired === 'run' && !s.held?.has(key) ? { kind: 'unpause', container } : known
  return entry.desired === 'pause' ? { kind: 'pause', container } : known
}

const unavailable = (gpu: string, holder: string): Failure => ({ code: 'gpu_unavailable', message: `GPU ${gpu} is still held by ${holder} on this host` })

const MISSING: Failure = { code: 'container_missing', message: 'the container is not on this host any more; its data is lost' }

/** Runs, and runs that cannot be. Each GPU goes to at most one of them. */
function starts(idle: WishEntry[], rows: ReadonlyMap<Key, Container>, s: Situation, ends: Removal[]): Step[] {
  const over = s.entries?.filter((e) => isOver(e, s.nowMs)) ?? []
  const leaving = new Set<Key>([
    ...ends.map((e) => keyOf(e.container)),
    ...s.inFlight.filter((f) => f.kind === 'remove' || f.cancelled).map(keyOf),
    ...over.map(keyOf),
  ])
  const holders = new Map<string, Key>()
  for (const c of [...s.containers, ...s.inFlight]) for (const gpu of c.gpus) holders.set(gpu, keyOf(c))
  const steps: Step[] = []
  for (const entry of idle) {
    if (entry.kind !== 'container' || isOver(entry, s.nowMs) || rows.has(keyOf(entry))) continue
    const step = start(entry, s, holders, leaving)
    if (!step) continue
    steps.push(step)
    if (step.kind === 'run') for (const gpu of entry.gpus) holders.set(gpu, keyOf(entry))
  }
  return steps
}

function start(entry: WishRun, s: Situation, holders: ReadonlyMap<string, Key>, leaving: ReadonlySet<Key>): Extract<Step, { kind: 'run' | 'fail' }> | null {
  const life = s.lives.get(keyOf(entry))
  if (life?.stage === 'made' && !s.missing.has(keyOf(entry))) return null
  if (life?.stage === 'made' || (life?.stage === 'ended' && !life.failure)) return { kind: 'fail', entry, failure: MISSING }
  if (life?.stage === 'ended' || !s.fresh || entry.desired !== 'run') return null
  const failure = s.accept(entry)
  if (failure) return { kind: 'fail', entry, failure }
  for (const gpu of entry.gpus) {
    const holder = holders.get(gpu)
    if (holder && !leaving.has(holder)) return { kind: 'fail', entry, failure: unavailable(gpu, holder.split('/')[0] ?? holder) }
    if (holder) return null
  }
  return { kind: 'run', entry }
}
