import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WishEntry, WishRun } from '../../schema/index.ts'
import { container, life, NOW, run, situation, tombstone } from '../../test/support/situation.ts'
import type { Container } from '../core/ports.ts'
import { diff, type InFlight, type Step, type Working } from './diff.ts'
import { type Key, keyOf } from './key.ts'
import type { Life } from './memory.ts'

// A host in which steps take as long as they like: properties over every order of events.

const GPUS = 3
const ALLOCATIONS = 4

type Subject = { allocation: string; incarnation: number }
type Host = {
  rows: Map<Key, Container>
  lives: Map<Key, Life>
  flights: Map<string, { flight: InFlight; step: Working }>
  ready: Set<Key>
  owed: Set<Key>
  /** Counters of the restarts that were done, in order. */
  restarts: Map<Key, number[]>
}

const empty = (): Host => ({ rows: new Map(), lives: new Map(), flights: new Map(), ready: new Set(), owed: new Set(), restarts: new Map() })

const arbitraryEntry = fc.record({
  n: fc.integer({ min: 1, max: ALLOCATIONS }),
  incarnation: fc.integer({ min: 1, max: 2 }),
  kind: fc.constantFrom('run', 'run', 'pause', 'tombstone', 'expired', 'stop'),
  restart_n: fc.integer({ min: 0, max: 2 }),
  keys_n: fc.integer({ min: 1, max: 3 }),
  gpus: fc.subarray(Array.from({ length: GPUS }, (_, i) => `GPU-${i}`)),
})
const arbitraryWish = fc.uniqueArray(arbitraryEntry, { selector: (e) => `${e.n}/${e.incarnation}`, maxLength: 6 }).map((entries) =>
  entries.map(({ n, incarnation, kind, ...rest }): WishEntry => {
    if (kind === 'tombstone') return tombstone(n, incarnation)
    const desired = kind === 'stop' || kind === 'pause' ? kind : 'run'
    return run(n, { incarnation, ...rest, desired, expires_at_ms: kind === 'expired' ? NOW : NOW + 1 })
  }),
)
const arbitraryEvent = fc.oneof(
  fc.record({ do: fc.constant('wish' as const), entries: arbitraryWish }),
  fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('fail' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('exit' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('crash' as const), done: fc.boolean() }),
)

/** @param late so much later that what is not seen counts as lost */
function look(h: Host, entries: WishEntry[], late = false): Step[] {
  const inFlight = [...h.flights.values()].map((f) => f.flight)
  const missing = new Set(late ? [...h.lives.keys()].filter((key) => !h.rows.has(key)) : [])
  return diff(situation({ entries, containers: [...h.rows.values()], inFlight, missing, ready: h.ready, owed: h.owed, lives: [...h.lives.values()] }))
}

const remember = (h: Host, { allocation, incarnation }: Subject, change: Partial<Life>) => {
  const key = keyOf({ allocation, incarnation })
  h.lives.set(key, { ...life(0, 'making', null, { restart_n: 0, keys_n: 0 }), ...h.lives.get(key), ...change, allocation, incarnation })
}

const subjectOf = (step: Exclude<Step, { kind: 'cancel' }>): Subject => {
  if (step.kind === 'run' || step.kind === 'fail') return { allocation: step.entry.id, incarnation: step.entry.incarnation }
  return { allocation: step.container.allocation, incarnation: step.container.incarnation }
}

const counters = ({ restart_n, keys_n }: WishRun) => ({ restart_n, keys_n })

function begin(h: Host, steps: Step[]): void {
  for (const step of steps) {
    if (step.kind === 'cancel') {
      const job = h.flights.get(step.allocation)
      if (job) job.flight = { ...job.flight, cancelled: true }
      continue
    }
    const subject = subjectOf(step)
    if (step.kind === 'fail') {
      remember(h, subject, { stage: 'ended', failure: step.failure })
      continue
    }
    const gpus = step.kind === 'run' ? step.entry.gpus : step.container.gpus
    expect(h.flights.has(subject.allocation), 'one worker per allocation').toBe(false)
    h.flights.set(subject.allocation, { step, flight: { ...subject, kind: step.kind, gpus, cancelled: false } })
    if (step.kind === 'run') remember(h, subject, { stage: 'making', failure: null, ...counters(step.entry) })
    if (step.kind === 'restart') {
      remember(h, subject, { restart_n: step.entry.restart_n })
      h.owed.add(keyOf(subject))
    }
  }
}

/** The step did what it should, as far as the engine goes. */
function effect(h: Host, step: Working): void {
  const subject = subjectOf(step)
  const key = keyOf(subject)
  const turn = (state: Container['state']) => {
    const row = h.rows.get(key)
    if (row) h.rows.set(key, { ...row, state })
  }
  if (step.kind === 'run') h.rows.set(key, container(0, { ...subject, gpus: step.entry.gpus }))
  else if (step.kind === 'remove') h.rows.delete(key)
  else if (step.kind === 'pause') turn('paused')
  else if (step.kind === 'start' || step.kind === 'unpause' || step.kind === 'restart') turn('running')
  if (step.kind === 'restart') h.restarts.set(key, [...(h.restarts.get(key) ?? []), step.entry.restart_n])
}

function finish(h: Host, allocation: string, well: boolean): void {
  const job = h.flights.get(allocation)
  if (!job) return
  h.flights.delete(allocation)
  const { step, flight } = job
  const key = keyOf(flight)
  if (step.kind === 'run' && (flight.cancelled || !well))
    return remember(h, flight, { stage: 'ended', failure: flight.cancelled ? null : { code: 'pull_failed', message: '' } })
  if (!well) return
  effect(h, step)
  if (step.kind === 'run') remember(h, flight, { stage: 'made' })
  if (step.kind === 'adopt' && !h.lives.has(key)) remember(h, flight, { stage: 'made', ...counters(step.entry) })
  if (step.kind === 'rekey') remember(h, flight, { keys_n: step.entry.keys_n })
  if (step.kind === 'restart') h.owed.delete(key)
  if (step.kind === 'run' || step.kind === 'adopt' || step.kind === 'restart') h.ready.add(key)
  if (step.kind !== 'remove') return
  h.ready.delete(key)
  if (step.again) h.lives.delete(key)
  else remember(h, flight, { stage: 'ended' })
}

/** kill -9: what was under way happened or not, and only what stood on disk is known. */
function crash(h: Host, done: boolean): void {
  if (done) for (const { step } of h.flights.values()) effect(h, step)
  h.flights.clear()
  h.ready.clear()
  h.owed.clear()
}

function checkGpus(h: Host): void {
  const holders = new Map<string, Key>()
  const hold = (gpu: string, key: Key) => {
    expect(holders.get(gpu) ?? key, `two containers on ${gpu}`).toBe(key)
    holders.set(gpu, key)
  }
  for (const [key, row] of h.rows) for (const gpu of row.gpus) hold(gpu, key)
  for (const { flight } of h.flights.values()) if (flight.kind === 'run') for (const gpu of flight.gpus) hold(gpu, keyOf(flight))
}

const over = (e: WishEntry) => e.kind === 'tombstone' || e.desired === 'stop' || e.expires_at_ms <= NOW

function checkEnd(h: Host, e: WishEntry): void {
  const row = h.rows.get(keyOf(e))
  if (e.kind === 'tombstone' || over(e)) return expect(row, 'what must not be is not').toBeUndefined()
  const known = h.lives.get(keyOf(e))
  if (!row) return expect(known?.stage === 'ended' || e.desired === 'pause', 'what should be is, or it is said why not').toBe(true)
  expect(row.state, 'as wished').toBe(e.desired === 'pause' ? 'paused' : 'running')
  expect(known?.restart_n, 'every restart is counted').toBeGreaterThanOrEqual(e.restart_n)
  expect(known?.keys_n, 'every rekey is counted').toBeGreaterThanOrEqual(e.keys_n)
}

describe('over any order of wishes, ends, failures and crashes', () => {
  it('no GPU ever has two containers, absence removes nothing a tenant had, no restart is done twice, and in the end the host is as wished', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvent, { maxLength: 40 }), arbitraryWish, (events, last) => {
        const h = empty()
        let entries: WishEntry[] = []
        const turn = (late = false) => {
          const mentioned = new Set(entries.map(keyOf))
          const steps = look(h, entries, late)
          for (const step of steps)
            if (step.kind === 'remove') expect(mentioned.has(keyOf(step.container)) || step.why === 'late', 'removed by absence').toBe(true)
          begin(h, steps)
          checkGpus(h)
        }
        for (const event of events) {
          if (event.do === 'wish') entries = event.entries
          else if (event.do === 'crash') crash(h, event.done)
          else if (event.do === 'exit') {
            const row = [...h.rows.values()][event.pick % Math.max(1, h.rows.size)]
            if (row && !h.flights.has(row.allocation)) h.rows.set(keyOf(row), { ...row, state: 'exited' })
          } else finish(h, [...h.flights.keys()][event.pick % Math.max(1, h.flights.size)] ?? '', event.do === 'finish')
          turn()
        }
        entries = last
        for (let i = 0; i < 20; i++) {
          turn(true)
          for (const allocation of h.flights.keys()) finish(h, allocation, true)
        }
        expect(look(h, entries, true), 'nothing left to do').toEqual([])
        for (const e of entries) checkEnd(h, e)
        for (const done of h.restarts.values()) expect(done, 'each restart once').toEqual([...new Set(done)])
      }),
      { numRuns: 2000 },
    )
  })
})
