import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WishEntry, WishRun, WishTombstone } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import { diff, type InFlight, type Situation, type Step } from './diff.ts'
import { type Key, keyOf } from './key.ts'
import type { Life } from './memory.ts'

const NOW = 1_000_000
const idOf = (n: number) => `al_${String(n).padStart(26, '0')}`
const trace = 'a'.repeat(32)

const run = (n: number, change: Partial<WishRun> = {}): WishRun => ({
  kind: 'container',
  id: idOf(n),
  incarnation: 1,
  generation: 1,
  trace,
  desired: 'run',
  restart_n: 0,
  keys_n: 1,
  ssh_keys: [],
  expires_at_ms: NOW + 1000,
  gpus: [`GPU-${n}`],
  image: 'workspace:1',
  env: {},
  init: [],
  limits: { cpus: 1, memory_mb: 1, shm_mb: 1, disk_gb: 1, pids: 1 },
  ...change,
})
const tombstone = (n: number, incarnation = 1): WishTombstone => ({ kind: 'tombstone', id: idOf(n), incarnation, generation: 2, trace })
const container = (n: number, change: Partial<Container> = {}): Container => ({
  allocation: idOf(n),
  incarnation: 1,
  gpus: [`GPU-${n}`],
  port: 20_000 + n,
  hostKey: 'ssh-ed25519 AAAA',
  trace,
  state: 'running',
  exitCode: null,
  started: true,
  ...change,
})
const life = (n: number, stage: Life['stage'], failure: Life['failure'] = null): Life => ({
  allocation: idOf(n),
  incarnation: 1,
  stage,
  failure,
  restart_n: 0,
  keys_n: 1,
  at_ms: 0,
})
const flight = (n: number, kind: InFlight['kind'], change: Partial<InFlight> = {}): InFlight => ({
  allocation: idOf(n),
  incarnation: 1,
  kind,
  gpus: [`GPU-${n}`],
  cancelled: false,
  ...change,
})

type Given = Omit<Partial<Situation>, 'lives'> & { lives?: Life[] }
const situation = ({ lives = [], ...rest }: Given): Situation => ({
  entries: [],
  containers: [],
  inFlight: [],
  ready: new Set(),
  worn: new Set(),
  missing: new Set(),
  nowMs: NOW,
  fresh: true,
  accept: () => null,
  ...rest,
  lives: new Map(lives.map((l) => [keyOf(l), l])),
})

/** A step in one line: "remove 1 stop". */
function short(step: Step): string {
  if (step.kind === 'cancel') return `cancel ${Number(step.allocation.slice(3))}`
  if (step.kind === 'run') return `run ${Number(step.entry.id.slice(3))}`
  if (step.kind === 'fail') return `fail ${Number(step.entry.id.slice(3))} ${step.failure.code}`
  const n = Number(step.container.allocation.slice(3))
  return step.kind === 'remove' ? `remove ${n} ${step.why}${step.again ? ' again' : ''}` : `${step.kind} ${n}`
}

const cases: [name: string, given: Given, steps: string[]][] = [
  ['no verified wish: nothing', { entries: null, containers: [container(1)], lives: [life(1, 'made')] }, []],
  ['a new entry is run', { entries: [run(1)] }, ['run 1']],
  ['but not from a wish that was only on disk', { entries: [run(1)], fresh: false }, []],
  ['refused by this host', { entries: [run(1)], accept: () => ({ code: 'image_refused', message: '' }) }, ['fail 1 image_refused']],
  ['runs and answers: nothing', { entries: [run(1)], containers: [container(1)], ready: new Set<Key>([keyOf(run(1))]) }, []],
  ['runs from before: adopted', { entries: [run(1)], containers: [container(1)], lives: [life(1, 'made')] }, ['adopt 1']],
  ['runs and nothing is remembered of it: adopted, not removed', { entries: [run(1)], containers: [container(1)] }, ['adopt 1']],
  [
    'adopted even when the host would refuse it now',
    { entries: [run(1)], containers: [container(1)], accept: () => ({ code: 'image_refused', message: '' }) },
    ['adopt 1'],
  ],
  ['a tombstone removes', { entries: [tombstone(1)], containers: [container(1)] }, ['remove 1 stop']],
  ['a tombstone removes from a wish on disk too', { entries: [tombstone(1)], containers: [container(1)], fresh: false }, ['remove 1 stop']],
  ['a stop removes', { entries: [run(1, { desired: 'stop' })], containers: [container(1)] }, ['remove 1 stop']],
  ['a tombstone of an older incarnation leaves the newer alone', { entries: [tombstone(1)], containers: [container(1, { incarnation: 2 })] }, []],
  ['an expired one is removed', { entries: [run(1, { expires_at_ms: NOW })], containers: [container(1)] }, ['remove 1 expired']],
  ['nothing expires while the time is in doubt', { entries: [run(1, { expires_at_ms: 0 })], containers: [container(1)], nowMs: null }, ['adopt 1']],
  ['an expired one is not run', { entries: [run(1, { expires_at_ms: NOW })] }, []],
  ['not mentioned: held', { entries: [run(2)], containers: [container(1)] }, ['run 2']],
  ['held, and it has the GPU', { entries: [run(2, { gpus: ['GPU-1'] })], containers: [container(1)] }, ['fail 2 gpu_unavailable']],
  ['a GPU that is being freed is waited for', { entries: [tombstone(1), run(2, { gpus: ['GPU-1'] })], containers: [container(1)] }, ['remove 1 stop']],
  [
    'and still while the removal runs',
    { entries: [tombstone(1), run(2, { gpus: ['GPU-1'] })], containers: [container(1)], inFlight: [flight(1, 'remove')] },
    [],
  ],
  ['and while what is cancelled still runs', { entries: [tombstone(1), run(2, { gpus: ['GPU-1'] })], inFlight: [flight(1, 'run')] }, ['cancel 1']],
  ['two for one GPU: the first', { entries: [run(1), run(2, { gpus: ['GPU-1'] })] }, ['run 1', 'fail 2 gpu_unavailable']],
  ['a stop cancels what is being made, once', { entries: [tombstone(1)], inFlight: [flight(1, 'run', { cancelled: true })] }, []],
  ['work under way is left alone', { entries: [run(1)], inFlight: [flight(1, 'run')] }, []],
  ['exited and wished: started again', { entries: [run(1)], containers: [container(1, { state: 'exited' })], lives: [life(1, 'made')] }, ['start 1']],
  [
    'started from a wish on disk too: the host may have rebooted',
    { entries: [run(1)], containers: [container(1, { state: 'exited' })], fresh: false },
    ['start 1'],
  ],
  ['worn out: not again', { entries: [run(1)], containers: [container(1, { state: 'exited' })], worn: new Set<Key>([keyOf(run(1))]) }, []],
  [
    'half made by a crash: removed, to be made again',
    { entries: [run(1)], containers: [container(1)], lives: [life(1, 'making')] },
    ['remove 1 half_made again'],
  ],
  ['created, never started: the same', { entries: [run(1)], containers: [container(1, { state: 'created', started: false })] }, ['remove 1 half_made again']],
  ['crashed before the engine was asked: made', { entries: [run(1)], lives: [life(1, 'making')] }, ['run 1']],
  ['made and not there just now: looked for again', { entries: [run(1)], lives: [life(1, 'made')] }, []],
  [
    'made and not there for long: lost, never made anew',
    { entries: [run(1)], lives: [life(1, 'made')], missing: new Set<Key>([keyOf(run(1))]) },
    ['fail 1 container_missing'],
  ],
  [
    'given up, and the engine brought it all the same: removed',
    { containers: [container(1)], lives: [life(1, 'ended', { code: 'engine_error', message: '' })] },
    ['remove 1 late'],
  ],
  ['half made, and the wish has moved on: removed', { containers: [container(1)], lives: [life(1, 'making')] }, ['remove 1 late']],
  [
    'late, and its GPU is wanted: waited for',
    { entries: [run(2, { gpus: ['GPU-1'] })], containers: [container(1)], lives: [life(1, 'making')] },
    ['remove 1 late'],
  ],
  ['told lost, and back with its data: held', { containers: [container(1)], lives: [life(1, 'ended', { code: 'container_missing', message: '' })] }, []],
  ['removed, and a restored database wants it back: never made anew', { entries: [run(1)], lives: [life(1, 'ended')] }, ['fail 1 container_missing']],
  ['failed: stays failed', { entries: [run(1)], lives: [life(1, 'ended', { code: 'pull_failed', message: '' })] }, []],
  [
    'failed and left something behind: removed',
    { entries: [run(1)], containers: [container(1)], lives: [life(1, 'ended', { code: 'init_failed', message: '' })] },
    ['remove 1 failed'],
  ],
  ['pause is not there yet: not touched', { entries: [run(1, { desired: 'pause' })], containers: [container(1, { state: 'exited' })] }, []],
  ['pause of what was never made: nothing', { entries: [run(1, { desired: 'pause' })] }, []],
  ['removals come first', { entries: [run(2), tombstone(1)], containers: [container(1)] }, ['remove 1 stop', 'run 2']],
]

describe('diff', () => {
  it.each(cases)('%s', (_, given, steps) => {
    expect(diff(situation(given)).map(short)).toEqual(steps)
  })
})

// A host in which steps take as long as they like: properties over every order of events.

const GPUS = 3
const ALLOCATIONS = 4

type Host = { rows: Map<Key, Container>; lives: Map<Key, Life>; flights: Map<string, { flight: InFlight; step: Step }>; ready: Set<Key> }

const arbitraryEntry = fc.record({
  n: fc.integer({ min: 1, max: ALLOCATIONS }),
  incarnation: fc.integer({ min: 1, max: 2 }),
  kind: fc.constantFrom('run', 'run', 'tombstone', 'expired', 'stop'),
  gpus: fc.subarray(Array.from({ length: GPUS }, (_, i) => `GPU-${i}`)),
})
const arbitraryWish = fc.uniqueArray(arbitraryEntry, { selector: (e) => `${e.n}/${e.incarnation}`, maxLength: 6 }).map((entries) =>
  entries.map(({ n, incarnation, kind, gpus }): WishEntry => {
    if (kind === 'tombstone') return tombstone(n, incarnation)
    return run(n, { incarnation, gpus, desired: kind === 'stop' ? 'stop' : 'run', expires_at_ms: kind === 'expired' ? NOW : NOW + 1 })
  }),
)
const arbitraryEvent = fc.oneof(
  fc.record({ do: fc.constant('wish' as const), entries: arbitraryWish }),
  fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('fail' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('exit' as const), pick: fc.nat() }),
)

function look(h: Host, entries: WishEntry[]): Step[] {
  const s = { entries, containers: [...h.rows.values()], inFlight: [...h.flights.values()].map((f) => f.flight), ready: h.ready, lives: [...h.lives.values()] }
  return diff(situation(s))
}

function begin(h: Host, steps: Step[]): void {
  for (const step of steps) {
    if (step.kind === 'cancel') {
      const job = h.flights.get(step.allocation)
      if (job) job.flight = { ...job.flight, cancelled: true }
    } else if (step.kind === 'fail') {
      h.lives.set(keyOf(step.entry), { ...life(0, 'ended', step.failure), allocation: step.entry.id, incarnation: step.entry.incarnation })
    } else {
      const subject = step.kind === 'run' ? { allocation: step.entry.id, incarnation: step.entry.incarnation } : step.container
      const gpus = step.kind === 'run' ? step.entry.gpus : step.container.gpus
      expect(h.flights.has(subject.allocation), 'one worker per allocation').toBe(false)
      h.flights.set(subject.allocation, {
        step,
        flight: { allocation: subject.allocation, incarnation: subject.incarnation, kind: step.kind, gpus, cancelled: false },
      })
      if (step.kind === 'run') h.lives.set(keyOf(subject), { ...life(0, 'making'), ...subject })
    }
  }
}

function finish(h: Host, allocation: string, well: boolean): void {
  const job = h.flights.get(allocation)
  if (!job) return
  h.flights.delete(allocation)
  const { step, flight } = job
  const key = keyOf(flight)
  const named = { allocation, incarnation: flight.incarnation }
  if (step.kind === 'run') {
    if (flight.cancelled) h.lives.set(key, { ...life(0, 'ended'), ...named })
    else if (!well) h.lives.set(key, { ...life(0, 'ended', { code: 'pull_failed', message: '' }), ...named })
    else {
      h.rows.set(key, container(0, { ...named, gpus: step.entry.gpus }))
      h.lives.set(key, { ...life(0, 'made'), ...named })
      h.ready.add(key)
    }
  } else if (well && step.kind === 'remove') {
    h.rows.delete(key)
    h.ready.delete(key)
    if (step.again) h.lives.delete(key)
    else h.lives.set(key, { ...life(0, 'ended', h.lives.get(key)?.failure ?? null), ...named })
  } else if (well && step.kind === 'start') {
    const row = h.rows.get(key)
    if (row) h.rows.set(key, { ...row, state: 'running' })
  } else if (well && step.kind === 'adopt') h.ready.add(key)
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

describe('over any order of wishes, ends and failures', () => {
  it('no GPU ever has two containers, absence removes nothing, and in the end the host is as wished', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvent, { maxLength: 40 }), arbitraryWish, (events, last) => {
        const h: Host = { rows: new Map(), lives: new Map(), flights: new Map(), ready: new Set() }
        let entries: WishEntry[] = []
        const turn = () => {
          const mentioned = new Set(entries.map(keyOf))
          const steps = look(h, entries)
          for (const step of steps) if (step.kind === 'remove') expect(mentioned.has(keyOf(step.container)), 'removed by absence').toBe(true)
          begin(h, steps)
          checkGpus(h)
        }
        for (const event of events) {
          if (event.do === 'wish') entries = event.entries
          else if (event.do === 'exit') {
            const row = [...h.rows.values()][event.pick % Math.max(1, h.rows.size)]
            if (row && !h.flights.has(row.allocation)) h.rows.set(keyOf(row), { ...row, state: 'exited' })
          } else finish(h, [...h.flights.keys()][event.pick % Math.max(1, h.flights.size)] ?? '', event.do === 'finish')
          turn()
        }
        entries = last
        for (let i = 0; i < 12; i++) {
          turn()
          for (const allocation of h.flights.keys()) finish(h, allocation, true)
        }
        expect(look(h, entries), 'nothing left to do').toEqual([])
        for (const e of entries) {
          const row = h.rows.get(keyOf(e))
          if (over(e)) expect(row, 'what must not be is not').toBeUndefined()
          else expect(row?.state === 'running' || h.lives.get(keyOf(e))?.stage === 'ended', 'what should be is, or it is said why not').toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
