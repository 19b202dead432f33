import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Snapshot, SnapshotOutcome } from '../../schema/index.ts'
import { FakeChain } from '../../test/support/fake-chain.ts'
import { until } from '../../test/support/until.ts'
import { realClock } from '../core/clock.ts'
import { ControlError } from '../core/control.ts'
import { ChainError } from '../core/chain/errors.ts'
import { makeLog } from '../core/log.ts'
import type { Meeting } from '../core/meeting.ts'
import type { Clock } from '../core/ports.ts'
import { Post } from './post.ts'
import { State } from './state.ts'

const SPEED = 200
/** Time that goes faster than it does, so that pauses of minutes pass in a moment. */
const fast: Clock = {
  wallMs: () => realClock.wallMs(),
  monotonicMs: () => realClock.monotonicMs() * SPEED,
  sleep: (ms, signal) => realClock.sleep(ms / SPEED, signal),
}

let dir: string
let chain: FakeChain
let lines: { level: string; msg: string }[]
let sent: number[]
let answer: () => SnapshotOutcome
let stops: (() => Promise<void>)[]
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'post-'))
  ;[chain, lines, sent, stops] = [new FakeChain(), [], [], []]
  answer = () => 'applied'
})
afterEach(async () => {
  for (const stop of stops) await stop()
  await rm(dir, { recursive: true, force: true })
})

const log = () =>
  makeLog(
    'info',
    'validator',
    new Writable({ write: (chunk: Buffer, _, done) => (lines.push(JSON.parse(chunk.toString()) as { level: string; msg: string }), done()) }),
  )

/** A process: begins with what the last one kept. */
async function start(on = chain): Promise<{ post: Post; stop: () => Promise<void> }> {
  const snapshot = async (s: Snapshot) => {
    const outcome = answer()
    sent.push(s.block)
    return { outcome, digest: '', votes: 1, needed: 1, applied_block: s.block }
  }
  const meeting = { ready: async () => undefined, failed: () => undefined } as unknown as Meeting
  const post = new Post({ chain: on.port(), control: { snapshot }, meeting, state: await State.open(dir), netuid: 27, hotkey: 'me', clock: fast, log: log() })
  const stop = new AbortController()
  const ended = post.run(stop.signal).catch((error: unknown) => stop.signal.aborted || Promise.reject(error))
  const end = async () => {
    stop.abort()
    await ended
  }
  stops.push(end)
  return { post, stop: end }
}

const errors = () => lines.filter((l) => l.level === 'error').map((l) => l.msg)

describe('snapshots of a validator', () => {
  it('are of finalized multiples of 25, the newest only, each once', async () => {
    await start()
    chain.grow(60, 24)
    chain.grow(61, 25)
    await until('the first', () => sent.length === 1)
    for (let n = 26; n < 50; n++) chain.grow(n + 3, n)
    chain.grow(5000, 4999)
    await until('the second', () => sent.length === 2)
    expect(sent).toEqual([25, 4975])
    expect(chain.asked, 'nothing else was read').toEqual([25, 4975])
  })

  it('are not sent again by the next process', async () => {
    const first = await start()
    chain.grow(55)
    await until('one', () => sent.length === 1)
    await first.stop()
    await start()
    chain.grow(74)
    chain.grow(75)
    await until('the next', () => sent.length === 2)
    expect(sent).toEqual([50, 75])
  })

  it('wait for an edge that is away, and then the newest goes', async () => {
    let tries = 0
    answer = () => {
      if (++tries <= 3) throw new ControlError('network', 'refused', true)
      return 'applied'
    }
    const { post } = await start()
    chain.grow(25)
    await until('a failure', () => post.trouble?.code === 'network')
    chain.grow(50)
    await until('it is back', () => sent.length === 1)
    expect(sent).toEqual([50])
    await until('no trouble any more', () => post.trouble === null)
    expect(lines.filter((l) => l.level === 'warn')).toHaveLength(1)
  })

  it('a refusal is told once, with what to do, and asked again', async () => {
    let tries = 0
    answer = () => {
      if (++tries <= 4) throw new ControlError('not_trusted', 'no', false)
      return 'applied'
    }
    const { post } = await start()
    chain.grow(25)
    await until('it is taken', () => sent.length === 1)
    expect(errors()).toEqual([expect.stringMatching(/adds me to TRUSTED_VALIDATORS/)])
    expect([...post.outcomes]).toEqual([
      ['not_trusted', 4],
      ['applied', 1],
    ])
  })

  it.each<[SnapshotOutcome, RegExp]>([
    ['held', /changes too many roles at once.*compute admin snapshot/],
    ['older', /a later block than 25/],
    ['stale', /block 25 is too old/],
    ['subnet', /check --netuid and --chain/],
    ['changed', /something else of block 25 before/],
  ])('%s is told once, and not sent again', async (outcome, text) => {
    answer = () => outcome
    const first = await start()
    chain.grow(25)
    await until('sent', () => sent.length === 1)
    chain.grow(50)
    await until('the next', () => sent.length === 2)
    await first.stop()
    await start()
    chain.grow(75)
    await until('the one after', () => sent.length === 3)
    expect(sent).toEqual([25, 50, 75])
    expect(errors()).toEqual([expect.stringMatching(text)])
  })

  it('a chain that does not answer is asked again', async () => {
    chain.away = new ChainError('timeout', 'connection', 'no answer', true)
    const { post } = await start()
    chain.grow(25)
    await until('trouble', () => post.trouble?.code === 'chain_connection')
    chain.away = null
    await until('sent', () => sent.length === 1)
  })

  const wrong: [string, () => FakeChain, RegExp][] = [
    ['of which finality went back', () => chain, /block 40 is its last finalized one, and block 50 was finalized before/],
    ['that says another thing of the last block', () => Object.assign(new FakeChain('c'), { genesis: chain.genesis }), /its block 50 is 0xc0000000/],
    ['with another beginning', () => new FakeChain('c'), /its genesis is 0xc0000000/],
  ]
  it.each(wrong)('a chain %s is loud, and nothing of it is sent', async (_, other, why) => {
    const first = await start()
    chain.grow(50)
    await until('one', () => sent.length === 1)
    await first.stop()
    const bad = other()
    const { post } = await start(bad)
    bad.grow(80, bad === chain ? 40 : 76)
    await until('trouble', () => post.trouble?.code === 'wrong_chain')
    expect(post.trouble?.message).toMatch(why)
    expect(errors()).toEqual([expect.stringMatching(/nothing is sent/)])
    expect(sent).toEqual([50])
    if (bad !== chain) return
    chain.grow(80, 75)
    await until('finality is back', () => post.trouble === null)
    expect(sent).toEqual([50, 75])
  })
})
