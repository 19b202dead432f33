import { describe, expect, it } from 'vitest'
import { container, flight, type Given, life, NOW, run, situation, tombstone } from '../../test/support/situation.ts'
import { diff, type Step } from './diff.ts'
import { type Key, keyOf } from './key.ts'
import type { Life } from './memory.ts'

/** A step in one line: "remove 1 stop". */
function short(step: Step): string {
  if (step.kind === 'cancel') return `cancel ${Number(step.allocation.slice(3))}`
  if (step.kind === 'run') return `run ${Number(step.entry.id.slice(3))}`
  if (step.kind === 'fail') return `fail ${Number(step.entry.id.slice(3))} ${step.failure.code}`
  const n = Number(step.container.allocation.slice(3))
  return step.kind === 'remove' ? `remove ${n} ${step.why}${step.again ? ' again' : ''}` : `${step.kind} ${n}`
}

/** Made, and answers. */
const made = (n: number, change: Partial<Life> = {}) => ({ lives: [life(n, 'made', null, change)], ready: new Set<Key>([keyOf(run(n))]) })

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
  ['pause of what was never made: nothing', { entries: [run(1, { desired: 'pause' })] }, []],
  ['pause of one that runs', { entries: [run(1, { desired: 'pause' })], containers: [container(1)], ...made(1) }, ['pause 1']],
  [
    'pause of one that runs and does not answer: the same',
    { entries: [run(1, { desired: 'pause' })], containers: [container(1)], lives: [life(1, 'made')] },
    ['pause 1'],
  ],
  ['paused as wished: nothing', { entries: [run(1, { desired: 'pause' })], containers: [container(1, { state: 'paused' })], ...made(1) }, []],
  [
    'paused as wished, from before: adopted',
    { entries: [run(1, { desired: 'pause' })], containers: [container(1, { state: 'paused' })], lives: [life(1, 'made')] },
    ['adopt 1'],
  ],
  ['paused and wished to run', { entries: [run(1)], containers: [container(1, { state: 'paused' })], ...made(1) }, ['unpause 1']],
  [
    'ended while it should be paused: started first',
    { entries: [run(1, { desired: 'pause' })], containers: [container(1, { state: 'exited' })], ...made(1) },
    ['start 1'],
  ],
  ['paused and told to stop', { entries: [tombstone(1)], containers: [container(1, { state: 'paused' })], ...made(1) }, ['remove 1 stop']],
  [
    'paused and its time is up',
    { entries: [run(1, { desired: 'pause', expires_at_ms: NOW })], containers: [container(1, { state: 'paused' })], ...made(1) },
    ['remove 1 expired'],
  ],
  [
    'lost while it should be paused: said',
    { entries: [run(1, { desired: 'pause' })], lives: [life(1, 'made')], missing: new Set<Key>([keyOf(run(1))]) },
    ['fail 1 container_missing'],
  ],
  ['a restart', { entries: [run(1, { restart_n: 1 })], containers: [container(1)], ...made(1) }, ['restart 1']],
  ['two restarts at once are one', { entries: [run(1, { restart_n: 2 })], containers: [container(1)], ...made(1) }, ['restart 1']],
  ['a restart that was done: nothing', { entries: [run(1, { restart_n: 2 })], containers: [container(1)], ...made(1, { restart_n: 2 }) }, []],
  [
    'counters that went back, as in a restored database: nothing',
    { entries: [run(1, { keys_n: 0 })], containers: [container(1)], ...made(1, { restart_n: 2 }) },
    [],
  ],
  [
    'a restart that is counted and not done',
    { entries: [run(1, { restart_n: 2 })], containers: [container(1)], ...made(1, { restart_n: 2 }), owed: new Set<Key>([keyOf(run(1))]) },
    ['restart 1'],
  ],
  ['a restart of one that does not answer', { entries: [run(1, { restart_n: 1 })], containers: [container(1)], lives: [life(1, 'made')] }, ['restart 1']],
  [
    'a restart of one that is worn out: a person asked',
    { entries: [run(1, { restart_n: 1 })], containers: [container(1, { state: 'exited' })], ...made(1), worn: new Set<Key>([keyOf(run(1))]) },
    ['restart 1'],
  ],
  [
    'a restart of a paused one, before anything else',
    { entries: [run(1, { desired: 'pause', restart_n: 1, keys_n: 2 })], containers: [container(1, { state: 'paused' })], ...made(1) },
    ['restart 1'],
  ],
  ['a rekey', { entries: [run(1, { keys_n: 2 })], containers: [container(1)], ...made(1) }, ['rekey 1']],
  ['a rekey before the pause', { entries: [run(1, { keys_n: 2, desired: 'pause' })], containers: [container(1)], ...made(1) }, ['rekey 1']],
  ['a rekey of a paused one', { entries: [run(1, { keys_n: 2, desired: 'pause' })], containers: [container(1, { state: 'paused' })], ...made(1) }, ['rekey 1']],
  ['a rekey waits for one that ended', { entries: [run(1, { keys_n: 2 })], containers: [container(1, { state: 'exited' })], ...made(1) }, ['start 1']],
  ['a rekey of what is being made waits', { entries: [run(1, { keys_n: 2 })], containers: [container(1)], inFlight: [flight(1, 'run')] }, []],
  ['no act while the counters are not known', { entries: [run(1, { restart_n: 5, keys_n: 5 })], containers: [container(1)] }, ['adopt 1']],
  ['nor while they are unsure', { entries: [run(1, { restart_n: 5, keys_n: 5 })], containers: [container(1)], ...made(1, { unsure: true }) }, []],
  [
    'a stop comes before every act',
    { entries: [run(1, { desired: 'stop', restart_n: 5, keys_n: 5 })], containers: [container(1)], ...made(1) },
    ['remove 1 stop'],
  ],
  [
    'an act does not wait for an answer',
    { entries: [run(1, { restart_n: 1 })], containers: [container(1)], ...made(1), inFlight: [flight(1, 'adopt')] },
    ['cancel 1'],
  ],
  ['but for all other work', { entries: [run(1, { restart_n: 1 })], containers: [container(1)], ...made(1), inFlight: [flight(1, 'rekey')] }, []],
  ['a stop cancels an act', { entries: [tombstone(1)], containers: [container(1)], inFlight: [flight(1, 'restart')] }, ['cancel 1']],
  ['held long enough: removed', { containers: [container(1), container(2)], mayGo: new Set<Key>([keyOf(run(2))]) }, ['remove 2 unexplained']],
  [
    'held long enough, and the wish mentions it again: kept',
    { entries: [run(1)], containers: [container(1)], ...made(1), mayGo: new Set<Key>([keyOf(run(1))]) },
    [],
  ],
  [
    'held long enough, and another incarnation of it is at work: not now',
    { containers: [container(1)], inFlight: [flight(1, 'run', { incarnation: 2 })], mayGo: new Set<Key>([keyOf(run(1))]) },
    [],
  ],
  ['removals come first', { entries: [run(2), tombstone(1)], containers: [container(1)] }, ['remove 1 stop', 'run 2']],
]

describe('diff', () => {
  it.each(cases)('%s', (_, given, steps) => {
    expect(diff(situation(given)).map(short)).toEqual(steps)
  })
})
