import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realClock } from '../../node-agents/core/clock.ts'
import { openLimitMs, rootsLimitMs } from '../../node-agents/core/proof/session/limits.ts'
import { runSession } from '../../node-agents/core/proof/session/run.ts'
import type { Heard, Hooks, SessionResult, Task } from '../../node-agents/core/proof/session/types.ts'
import type { Clock, SshLogin } from '../../node-agents/core/ports.ts'
import { BABBLERS, FORGERS, type Picture } from '../support/gallery.ts'
import { loginTo, type ProverHost, startHost } from '../support/prover-host.ts'
import { type Matrix, rolled } from '../support/pog.ts'
import { FakeProver } from '../support/fake-prover.ts'
import { StillClock } from '../support/still-clock.ts'
import { until } from '../support/until.ts'

/** Sessions with hosts that lie, over real SSH. */

const TASK: Task = { gpus: 1, sizes: { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 2, Q: 12 }, chainMs: 20_000, sweepMs: 20_000 }
const still = new AbortController().signal

let host: ProverHost
let login: SshLogin
let prover: FakeProver
beforeEach(async () => {
  host = await startHost(() => prover)
  login = await loginTo(host, still)
})
afterEach(async () => {
  await login.close()
  await host.stop()
})

async function session(task: Task, over: Partial<Hooks> = {}, clock: Clock = realClock, signal = still): Promise<SessionResult> {
  const hooks = { go: async () => Buffer.alloc(32, 7), committed: async () => undefined, ...over }
  return runSession(await login.run('python3 proof.py serve', still), task, hooks, { clock, signal })
}

const BAD: Omit<Picture, 'twist'> = { name: '', ends: 'complete', phase: 'open', says: '' }

/** Time for what has come to be looked at. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Shows one host. */
async function show({ twist, gpus = 1, sizes = {} }: Picture): Promise<SessionResult> {
  prover = new FakeProver(gpus, { ...TASK.sizes, ...sizes }, twist)
  return session({ ...TASK, gpus })
}

const ended = ({ ended, phase, text }: SessionResult) => ({ ended, phase, text })
/** What a picture must come to. */
const comesTo = ({ ends, phase, says }: Picture) => ({
  ended: ends,
  phase: expect.toSatisfy((p: string) => [phase].flat().includes(p as never)),
  text: expect.stringMatching(says),
})

describe('a host that does not do the work', () => {
  it.each(FORGERS)('$name', async (picture) => {
    const result = await show(picture)
    expect(ended(result)).toEqual(comesTo(picture))
    expect(result.verdict.result).toBe('mismatch')
    expect(result.committed, 'it cannot say afterwards that it committed to something else').toHaveLength(picture.gpus ?? 1)
  })

  it('is not read on once that is certain', async () => {
    const flood = { forever: Buffer.alloc(65_536, 'x') }
    const cheat = { round: (_: number, before: Matrix) => rolled(before) }
    const result = await show({ ...BAD, twist: { cheat, instead: (answer, told) => (told?.c === 'open' ? [...answer, flood] : answer) } })
    expect(ended(result)).toMatchObject({ ended: 'complete', phase: 'open' })
    expect(result.verdict.result).toBe('mismatch')
    expect(result.bytes.in).toBeLessThan(4 * 2 ** 20)
  })
})

describe('a host that does not keep to the protocol', () => {
  it.each(BABBLERS)('says $name', async (picture) => {
    const result = await show(picture)
    expect(ended(result)).toEqual(comesTo(picture))
    expect(result.verdict.result).toBe(picture.ends === 'malformed' ? 'malformed' : 'unfinished')
    expect(result.bytes.in).toBeLessThan(4 * 2 ** 20)
  })

  it('says how fast it was and what it has, and nobody listens', async () => {
    const boast = { ms: 0.001, elapsed: 0, tops: 1e9, model: 'NVIDIA H200', n: 2, K: 1 }
    const clock = new StillClock()
    const takes: Record<string, number> = { ping: 20, go: 700, sweep: 300 }
    prover = new FakeProver(1, TASK.sizes, {
      instead: (answer, told) => {
        clock.pass(takes[told?.c ?? ''] ?? 0)
        return answer.map((said) => ({ ...said, ...boast, ...said }))
      },
    })
    const { ended, times, rttMs } = await session(TASK, {}, clock)
    expect({ ended, rttMs }).toEqual({ ended: 'complete', rttMs: 20 })
    // The way there and back, of the sweep no more than 3 %.
    expect(times).toEqual([{ gpu: 0, chainMs: 680, sweepMs: 291 }])
  })
})

const { sizes } = TASK
const timed = 20_000 / 0.85 + 1000
const STEPS: [command: string | null, phase: string, limitMs: number][] = [
  [null, 'hello', 60_000],
  ['ping', 'ping', 10_000],
  ['prep', 'prep', 120_000],
  ['go', 'chain', timed],
  ['sweep', 'sweep', timed],
  ['roots', 'roots', rootsLimitMs(sizes, 1)],
  ['open', 'open', openLimitMs(sizes, 1)],
]

describe('a host that falls silent', () => {
  it.each(STEPS)('at %j: its time is up, to the millisecond', async (command, phase, limitMs) => {
    const clock = new StillClock()
    const { promise: silent, resolve } = Promise.withResolvers<void>()
    prover = new FakeProver(1, sizes, {
      instead: (answer, told) => {
        if ((told?.c ?? null) === command) resolve()
        else if (told?.c === 'go' || told?.c === 'sweep') clock.pass(1)
        return (told?.c ?? null) === command ? [] : answer
      },
    })
    let over = false
    const result = session(TASK, {}, clock).finally(() => (over = true))
    await silent
    await until('it waits', () => clock.isAwaited)
    clock.pass(limitMs)
    await turns()
    expect(over, 'it is given all its time').toBe(false)
    clock.pass(2)
    expect(ended(await result)).toEqual({ ended: 'timeout', phase, text: expect.stringMatching(`^${phase}: `) })
  })

  it('with one of its GPUs is told which', async () => {
    const clock = new StillClock()
    prover = new FakeProver(3, sizes, {
      instead: (answer, told) => {
        clock.pass(1)
        return told?.c === 'sweep' && told.g === 1 ? [] : answer
      },
    })
    let swept = 0
    const heard = ({ line }: Heard) => {
      if (line.includes('"swp"') && ++swept === 2) setImmediate(() => clock.pass(timed + 10))
    }
    const result = await session({ ...TASK, gpus: 3 }, { heard }, clock)
    expect(ended(result)).toEqual({ ended: 'timeout', phase: 'sweep', text: expect.stringMatching(/^sweep: GPU 1 was not done after 24\.5 s$/) })
    expect(result.times).toEqual([])
  })
})

describe('a host that answers in no time', () => {
  it('had its answer before it was asked', async () => {
    prover = new FakeProver(1, sizes)
    const result = await session(TASK, {}, new StillClock())
    expect(ended(result)).toEqual({ ended: 'malformed', phase: 'chain', text: expect.stringMatching(/"tip" came before it was asked for$/) })
  })
})

describe('a host that goes', () => {
  const ways = ['end', 'tear'] as const
  it.each(STEPS.flatMap(([command, phase]) => ways.map((way) => [way, command, phase] as const)))(
    'by %s at %j is said to be gone',
    async (way, command, phase) => {
      prover = new FakeProver(1, sizes, { instead: (answer, told) => ((told?.c ?? null) === command ? [way] : answer) })
      const result = await session(TASK)
      expect(ended(result)).toEqual({ ended: 'broken', phase, text: expect.stringMatching(way === 'end' ? /: the script ended/ : /: the connection broke: /) })
      expect(result.verdict.result).toBe('unfinished')
    },
  )

  it.each(ways)('by %s while it waits at the barrier is seen at once', async (way) => {
    prover = new FakeProver(1, sizes, { instead: (answer, told) => (told?.c === 'prep' ? [...answer, way] : answer) })
    let told: AbortSignal | null = null
    const go = (signal: AbortSignal) => {
      told = signal
      return new Promise<never>(() => undefined)
    }
    expect(await session(TASK, { go })).toMatchObject({ ended: 'broken', phase: 'wait', seed: null })
    expect(told).toMatchObject({ aborted: true })
  })
})

describe('what is no fault of the host', () => {
  const wrong = new Error('the edge says no')

  it.each(['go', 'committed'] as const)('is passed on: %s', async (hook) => {
    prover = new FakeProver(1, sizes)
    await expect(session(TASK, { [hook]: () => Promise.reject(wrong) })).rejects.toBe(wrong)
  })

  it('is passed on: who keeps the lines', async () => {
    prover = new FakeProver(1, sizes)
    const heard = ({ from }: { from: string }) => {
      if (from === 'host') throw wrong
    }
    await expect(session(TASK, { heard })).rejects.toBe(wrong)
  })

  it('is passed on: whoever stops it', async () => {
    prover = new FakeProver(1, sizes)
    const stop = new AbortController()
    const go = () => {
      stop.abort(wrong)
      return new Promise<never>(() => undefined)
    }
    await expect(session(TASK, { go }, realClock, stop.signal)).rejects.toBe(wrong)
  })

  it.each<[string, Partial<Task>]>([
    ['no GPUs', { gpus: 0 }],
    ['sizes that are none', { sizes: { ...sizes, n: 48 } }],
    ['more than any host may send', { gpus: 64, sizes: { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 } }],
    ['no time', { chainMs: 0 }],
    ['time without end', { sweepMs: Number.POSITIVE_INFINITY }],
  ])('is refused before anything is said: %s', async (_, over) => {
    prover = new FakeProver(1, sizes)
    await expect(session({ ...TASK, ...over })).rejects.toThrow(RangeError)
  })

  it('is refused: a seed of another length', async () => {
    prover = new FakeProver(1, sizes)
    await expect(session(TASK, { go: async () => Buffer.alloc(31) })).rejects.toThrow('31 bytes')
  })
})
