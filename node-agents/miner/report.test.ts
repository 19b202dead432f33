import { describe, expect, it } from 'vitest'
import { allocationFact, type AllocationFact, type Phase, type WishEntry } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import type { Note } from './book.ts'
import type { InFlight } from './diff.ts'
import { type Key, keyOf } from './key.ts'
import type { Life } from './memory.ts'
import { factsOf, type Known, newsIn, unexplainedOf } from './report.ts'

const NOW = 1000
const ID = `al_${'0'.repeat(26)}`
const trace = 'a'.repeat(32)
const subject = { allocation: ID, incarnation: 1 }
const entry: WishEntry = {
  kind: 'container',
  id: ID,
  incarnation: 1,
  generation: 7,
  trace,
  desired: 'run',
  restart_n: 9,
  keys_n: 9,
  ssh_keys: [],
  expires_at_ms: NOW + 1,
  gpus: [],
  image: 'a:1',
  env: {},
  init: [],
  limits: { cpus: 1, memory_mb: 1, shm_mb: 1, disk_gb: 1, pids: 1 },
}
const tombstone: WishEntry = { kind: 'tombstone', id: ID, incarnation: 1, generation: 8, trace }
const row = (state: Container['state'] = 'running'): Container => ({ ...subject, gpus: [], port: 1, hostKey: 'k', trace, state, exitCode: 3, started: true })
const life = (stage: Life['stage'], failure: Life['failure'] = null): Life => ({
  ...subject,
  stage,
  failure,
  restart_n: 1,
  keys_n: 2,
  keys: null,
  expires_at_ms: null,
  at_ms: 0,
})
const flight = (kind: InFlight['kind']): InFlight => ({ ...subject, kind, gpus: [], cancelled: false })
const endpoint = {
  host: 'h',
  port: 1,
  user: 'root',
  host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJ1Qn2VbRPWUDM4zWdSMSNdW1f4kQj8MeJvWUhSjbXB',
  signature: `0x${'0'.repeat(128)}`,
}
const note = (change: Partial<Note>): Note => ({
  phase: null,
  progress: null,
  failure: null,
  held: null,
  endpoint: null,
  restarts: 0,
  restartedAt: 0,
  ended: null,
  owed: null,
  stopped: false,
  ...change,
})
const pull = { stage: 'pull' as const, current: 5, total: 10 }

type Given = Partial<Omit<Known, 'notes' | 'lives' | 'containers'>> & { row?: Container; life?: Life; note?: Note }
const known = ({ row: r, life: l, note: n, ...rest }: Given): Known => ({
  entries: [entry],
  unreadable: [],
  containers: r ? [r] : [],
  engineOk: true,
  notes: new Map(n ? [[keyOf(entry), n]] : []),
  worn: new Set(),
  sure: () => true,
  lives: new Map(l ? [[keyOf(entry), l]] : []),
  inFlight: [],
  nowMs: NOW,
  ...rest,
})

const worn = new Set<Key>([keyOf(entry)])
const cases: [string, Given, Phase, (string | null)?, ('endpoint' | 'progress')?][] = [
  ['wished, nothing done yet', {}, 'none'],
  ['being made', { inFlight: [flight('run')], note: note({ phase: 'pulling', progress: pull }) }, 'pulling', null, 'progress'],
  ['being made, the engine shows it already', { inFlight: [flight('run')], note: note({ phase: 'creating' }), row: row('created') }, 'creating'],
  ['runs and answers', { row: row(), note: note({ endpoint }) }, 'running', null, 'endpoint'],
  ['runs, does not answer yet', { row: row() }, 'starting'],
  [
    'runs, and its SSH server is gone: still theirs',
    { row: row(), note: note({ failure: { code: 'not_answering', message: '' } }) },
    'starting',
    'not_answering',
  ],
  ['paused', { row: row('paused'), note: note({ endpoint }) }, 'paused', null, 'endpoint'],
  ['exited, to be started again', { row: row('exited') }, 'starting', 'exited'],
  ['exited again and again: still theirs', { row: row('exited'), worn }, 'starting', 'exited'],
  ['made, and not seen just now: still theirs', { life: life('made') }, 'starting', 'container_missing'],
  ['made, and the engine is away', { life: life('made'), engineOk: false }, 'starting', 'engine_error'],
  ['failed', { life: life('ended', { code: 'pull_failed', message: 'no' }) }, 'failed', 'pull_failed'],
  ['failed, with a leftover', { life: life('ended', { code: 'init_failed', message: 'no' }), row: row() }, 'failed', 'init_failed'],
  ['the engine is away, nothing made yet', { engineOk: false }, 'failed', 'engine_error'],
  ['the engine is away, it was running', { engineOk: false, row: row(), note: note({ endpoint }) }, 'running', null, 'endpoint'],
  ['to stop, still there', { entries: [tombstone], row: row() }, 'stopping'],
  ['to stop, being made', { entries: [tombstone], inFlight: [flight('run')] }, 'stopping'],
  ['to stop, nothing there', { entries: [tombstone] }, 'gone'],
  ['to stop, and nobody can be sure that it is gone', { entries: [tombstone], sure: () => false }, 'stopping'],
  ['to stop, failed before', { entries: [tombstone], life: life('ended', { code: 'exited', message: '' }) }, 'gone'],
  ['stop by desired', { entries: [{ ...entry, desired: 'stop' }], row: row() }, 'stopping'],
  ['expired, still there', { nowMs: NOW + 1, row: row(), note: note({ endpoint }) }, 'stopping'],
  ['expired and gone', { nowMs: NOW + 1 }, 'gone'],
  ['pause of one that runs: what is', { entries: [{ ...entry, desired: 'pause' }], row: row(), note: note({ endpoint }) }, 'running', null, 'endpoint'],
]

describe('a report', () => {
  it.each(cases)('%s', (_, given, phase, code = null, shows) => {
    const [fact] = factsOf(known(given))
    expect(allocationFact.safeParse(fact).error).toBeUndefined()
    expect({ phase: fact?.phase, code: fact?.error?.code ?? null, endpoint: fact?.endpoint !== null, progress: fact?.progress !== null }).toEqual({
      phase,
      code,
      endpoint: shows === 'endpoint',
      progress: shows === 'progress',
    })
  })

  it('acknowledges the generation it holds, and counts what was executed, not what is wished', () => {
    expect(factsOf(known({ life: life('made'), row: row() }))[0]).toMatchObject({ observed_generation: 7, restart_n: 1, keys_n: 2, trace })
    expect(factsOf(known({}))[0]).toMatchObject({ restart_n: 0, keys_n: 0 })
  })

  it('says nothing of containers while the engine was never seen', () => {
    expect(factsOf({ ...known({}), containers: null })).toEqual([])
  })

  it('answers what it does not understand, whatever is there', () => {
    const unreadable = [{ id: ID, incarnation: 1, generation: 3, trace }]
    expect(factsOf(known({ entries: [], unreadable }))).toMatchObject([{ phase: 'failed', error: { code: 'unsupported' }, observed_generation: 3 }])
    const running = factsOf(known({ entries: [], unreadable, row: row(), note: note({ endpoint }) }))
    expect(running).toMatchObject([{ phase: 'running', endpoint, error: { code: 'unsupported' } }])
    expect(unexplainedOf(known({ entries: [], unreadable, row: row() }))).toEqual([])
  })

  it('lists what the wish does not mention', () => {
    const other = { ...row(), incarnation: 2 }
    expect(unexplainedOf({ ...known({}), containers: [row(), other] })).toEqual([{ id: ID, incarnation: 2 }])
  })
})

describe('news', () => {
  const counters = { observed_generation: 1, restart_n: 0, keys_n: 0 }
  const base: AllocationFact = { id: ID, incarnation: 1, phase: 'creating', ...counters, error: null, progress: null, endpoint: null, trace }
  const fact = (change: Partial<AllocationFact>): AllocationFact => ({ ...base, ...change })
  it.each([
    ['an outcome goes at once', [fact({})], [fact({ phase: 'running' })], 0],
    ['so does an end', [fact({ phase: 'stopping' })], [fact({ phase: 'gone' })], 0],
    ['so does an outcome that was never announced', [], [fact({ phase: 'failed' })], 0],
    ['so does an act that is done', [fact({ phase: 'running' })], [fact({ phase: 'running', keys_n: 1 })], 0],
    ['an act on its way may wait', [fact({ phase: 'running' })], [fact({ phase: 'starting', restart_n: 1 })], 1000],
    ['a step may wait a second', [], [fact({})], 1000],
    ['so may a new generation of the same', [fact({ phase: 'running' })], [fact({ phase: 'running', observed_generation: 2 })], 1000],
    ['progress may wait longer', [fact({ progress: { ...pull, current: 1 } })], [fact({ progress: pull })], 5000],
    ['the most urgent counts', [fact({})], [fact({ progress: pull }), fact({ incarnation: 2, phase: 'gone' })], 0],
    ['nothing new', [fact({})], [fact({})], null],
    ['what the wish dropped is no news', [fact({}), fact({ incarnation: 2 })], [fact({})], null],
  ])('%s', (_, told, now, delay) => {
    const rest = { unexplained: [], foreign: 0, engine: { ok: true, message: '' } }
    expect(newsIn({ ...rest, allocations: told }, { ...rest, allocations: now })).toBe(delay)
  })

  it('is also what is unexplained, foreign, or wrong with the engine', () => {
    const base = { allocations: [], unexplained: [], foreign: 0, engine: { ok: true, message: '' } }
    expect(newsIn(base, { ...base, foreign: 1 })).toBe(1000)
    expect(newsIn(base, { ...base, engine: { ok: false, message: 'away' } })).toBe(1000)
    expect(newsIn(base, { ...base, unexplained: [{ id: ID, incarnation: 1 }] })).toBe(1000)
  })
})
