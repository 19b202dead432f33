import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MarkProof } from '../../../schema/index.ts'
import {
  away,
  type Change,
  holds,
  ID,
  mismatch,
  miner,
  never,
  own,
  passed,
  seatOf,
  stateOf,
  target,
  through,
  worldAt,
} from '../../../test/support/edge-prover.ts'
import { gpu, host } from '../../../test/support/scores.ts'
import { until } from '../../../test/support/until.ts'
import { realClock } from '../../core/clock.ts'
import { ControlError } from '../../core/control.ts'
import { NotNow, ShellError } from '../../core/ports.ts'
import type { Seat } from '../../core/proof/seat.ts'
import type { Over } from '../../core/proof/over-ssh.ts'
import type { SessionResult } from '../../core/proof/session/types.ts'
import type { Proof } from '../store/types.ts'
import { folderOf } from './bundles.ts'

let state: string
beforeEach(async () => void (state = await mkdtemp(join(tmpdir(), 'prover-'))))
afterEach(() => rm(state, { recursive: true, force: true }))
const world = (change?: Change) => worldAt(state, change)

describe('a proof through the edge', () => {
  it('goes the whole way: greetings, barrier, go, committed, a signed verdict, evidence', async () => {
    const w = world({ states: [stateOf({ state: 'starting', endpoint: null }), stateOf()] })
    const { seat, seen } = seatOf()
    const proved = await w.prover.prove(target, never, seat)
    expect(proved).toMatchObject({ result: 'valid', simulated: true, gpus: [{ uuid: 'GPU-0', model: 'NVIDIA H200', rentedMs: 5 }] })
    expect(w.marks.map((m) => m.mark)).toEqual(['go', 'committed', 'close'])
    expect(seen).toEqual(['arrived', 'left'])
    expect(w.challenges).toHaveLength(3)
    expect(w.challenges.every((c) => c.success && c.hotkey === miner.address)).toBe(true)
    const [verdict] = w.closes()
    expect(verdict).toMatchObject({ result: 'valid', proof: ID, hotkey: miner.address, validator: own.address, block: 1000, netuid: 27, simulated: true })
    expect(verdict && holds(verdict)).toBe(true)
    expect(await readdir(folderOf(state))).toEqual([`${ID}.bundle`])
    expect(proved.evidence).toMatchObject({ proof: ID, mismatch: false, bundle: { file: `${ID}.bundle`, digest: verdict?.bundle } })
  })

  it('checks nobody while the clock of another runs: they share the thread that reads the clocks', async () => {
    const order: string[] = []
    const marked = (mark: string) => w.marks.filter((m) => m.mark === mark).length
    const quick = async ({ hooks, signal }: Over) => {
      await hooks.go(signal)
      await hooks.committed('ab'.repeat(32), signal)
      order.push('quick is checked')
      return passed
    }
    const slow = async ({ hooks, signal }: Over) => {
      await hooks.go(signal)
      await until('the quick one has committed', () => marked('committed') === 1)
      order.push('the clock of slow stops')
      await hooks.committed('ab'.repeat(32), signal)
      return passed
    }
    const sessions = [slow, quick]
    const w = world({
      states: [stateOf(), stateOf({ id: 'al_01jd0000000000000000000001' })],
      time: realClock,
      session: async (over) => {
        const session = sessions.shift() ?? quick
        if (session === quick) await until('the slow one has started', () => marked('go') === 1)
        return session(over)
      },
    })
    const proved = await Promise.all([w.prover.prove(target, never), w.prover.prove(target, never)])
    expect(proved).toMatchObject([{ result: 'valid' }, { result: 'valid' }])
    expect(order).toEqual(['the clock of slow stops', 'quick is checked'])
  })

  it('calls it cheating only after a second mismatch, in another session', async () => {
    const first = await world({ session: through(mismatch) }).prover.prove(target, never)
    expect(first).toMatchObject({ result: 'invalid', reason: expect.stringMatching(/^a mismatch, the first/), evidence: { mismatch: true } })
    const row = { result: 'invalid', evidence: first.evidence } as Proof
    const second = world({ session: through(mismatch), proofs: [row] })
    expect(await second.prover.prove(target, never)).toMatchObject({ result: 'invalid', reason: expect.stringMatching(/^cheating: a second mismatch/) })
    expect(second.closes()).toMatchObject([{ result: 'invalid', text: expect.stringMatching(/^cheating/) }])
  })

  it.each<[string, Change, RegExp]>([
    [
      'does not bring a container up',
      { states: [stateOf({ state: 'failed', reason: 'no disk\u001b[2J', endpoint: null })] },
      /did not come up: no disk\?\[2J$/,
    ],
    ['is too slow for the edge', { states: [stateOf({ state: 'expired', endpoint: null })] }, /was not ready before/],
    ['did not sign its host key', { states: [stateOf({ incarnation: 2 })] }, /cannot be believed: its hotkey did not sign/],
    [
      'has another host key',
      { greet: () => Promise.reject(new ShellError('wrong_host_key', 'another key')) },
      /did not show its host key in 3 tries: another key/,
    ],
    ['does not let anybody in', { session: () => Promise.reject(new ShellError('refused', 'no such key')) }, /^no such key$/],
    [
      'says nothing',
      { session: through({ ...passed, ended: 'timeout', verdict: { ...passed.verdict, result: 'unfinished' }, text: 'no tip within 8 s' }) },
      /^no tip within/,
    ],
    [
      'is gone before it starts',
      { states: [stateOf(), stateOf({ state: 'failed', reason: 'taken down', endpoint: null })], mark: conflictOf('go') },
      /taken down/,
    ],
  ])('fails a miner that %s, and lets it go', async (_, change, why) => {
    const w = world(change)
    const { seat, seen } = seatOf()
    const proved = await w.prover.prove(target, never, seat)
    expect(proved).toMatchObject({ result: 'failed', reason: expect.stringMatching(why) })
    expect(w.closes()).toMatchObject([{ result: 'failed', gpus: [], simulated: false }])
    expect(seen.at(-1)).toBe('left')
    expect((await readdir(folderOf(state)).catch(() => [])).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('keeps no failure when a client takes the cards, or the edge says that it is not the time', async () => {
    const preempted = world({ states: [stateOf(), stateOf({ state: 'preempted', endpoint: null })], mark: conflictOf('go') })
    await expect(preempted.prover.prove(target, never)).rejects.toThrow(NotNow)
    const broken: SessionResult = { ...passed, ended: 'broken', verdict: { ...passed.verdict, result: 'unfinished' }, times: [] }
    const below = world({ states: [stateOf(), stateOf({ state: 'preempted', endpoint: null })], session: async () => broken })
    await expect(below.prover.prove(target, never), 'under a session').rejects.toThrow(NotNow)
    expect(below.challenges, 'whose host went away as it had to').toEqual([])
    const gone = through({ ...passed, ended: 'broken', verdict: { ...passed.verdict, result: 'unfinished' }, text: 'the connection broke' })
    const taken = world({ states: [stateOf(), stateOf({ state: 'preempted', endpoint: null })], session: gone })
    await expect(taken.prover.prove(target, never), 'which ends the session').rejects.toThrow(NotNow)
    const error = new ControlError('proof_refused', 'you proved it 5 minutes ago', true)
    error.retryAfterS = 3300
    const early = world({ open: () => Promise.reject(error) })
    await expect(early.prover.prove(target, never)).rejects.toMatchObject({ name: 'NotNow', retryAfterS: 3300 })
    expect(early.marks, 'there is nothing to close').toEqual([])
    const lost = { ...target, miner: host([gpu(0)], { hotkey: miner.address, online: 'unreachable' }) }
    expect(await early.prover.prove(lost, never), 'whom the edge cannot reach either').toMatchObject({ result: 'failed' })
  })

  it('opens nothing for cards that cannot be proved', async () => {
    const w = world({ open: () => Promise.reject(new Error('asked')) })
    const unknown = { ...target, miner: host([gpu(0, { model: 'TNT2' })], { hotkey: miner.address }) }
    expect(await w.prover.prove(unknown, never)).toMatchObject({ result: 'failed', reason: expect.stringMatching(/does not know TNT2/) })
  })
})

/** The edge does not take this mark. */
function conflictOf(name: MarkProof['mark']) {
  return async ({ mark }: MarkProof) => (mark === name ? Promise.reject(away('conflict')) : undefined)
}

describe('what is this validator’s own', () => {
  it('is an edge that is away: nobody is blamed, and what is open is closed', async () => {
    await expect(world({ open: () => Promise.reject(away('network')) }).prover.prove(target, never)).rejects.toThrow(/network/)
    const w = world({ mark: async ({ mark }) => (mark === 'committed' ? Promise.reject(away('internal')) : undefined) })
    await expect(w.prover.prove(target, never)).rejects.toThrow(/internal/)
    expect(w.closes()).toMatchObject([{ result: 'failed', text: expect.stringMatching(/^given up by its validator/) }])
  })

  it('is a network that reaches neither miner nor edge; a miner that alone is gone is not', async () => {
    const broken = through({ ...passed, ended: 'broken', verdict: { ...passed.verdict, result: 'unfinished' }, text: 'the connection broke' })
    const cutOff = world({ session: broken, mark: async ({ mark }) => (mark === 'close' ? Promise.reject(away('network')) : undefined) })
    await expect(cutOff.prover.prove(target, never)).rejects.toThrow(/neither the miner nor the edge/)
    expect(cutOff.challenges, 'nor does it tell on its liveness').toEqual([])
    expect(await world({ session: broken }).prover.prove(target, never)).toMatchObject({ result: 'failed', reason: 'the connection broke' })
    const valid = world({ mark: async ({ mark }) => (mark === 'close' ? Promise.reject(away('timeout')) : undefined) })
    expect(await valid.prover.prove(target, never), 'what was proved was proved').toMatchObject({ result: 'valid' })
  })

  it('is a disk that is full: proofs go on without evidence', async () => {
    await writeFile(join(state, 'proofs'), 'in the way')
    expect(await world().prover.prove(target, never)).toMatchObject({ result: 'valid', evidence: { bundle: null } })
    await rm(join(state, 'proofs'))
    const full = () => Promise.reject(new Error('ENOSPC'))
    const writer = { begin: async () => undefined, heard: () => undefined, close: full, abort: full }
    const w = world({ writer: () => writer })
    expect(await w.prover.prove(target, never)).toMatchObject({ result: 'valid', evidence: { bundle: null } })
    expect(w.closes()).toMatchObject([{ result: 'valid', bundle: null }])
  })

  it('is a chain that is away: the seed goes without a pulse', async () => {
    for (const pulse of [() => Promise.reject(new Error('no chain')), () => new Promise<null>(() => undefined)])
      expect(await world({ pulse }).prover.prove(target, never)).toMatchObject({ result: 'valid' })
  })
})

describe('told to stop', () => {
  let reached = false
  const hang = (signal: AbortSignal) => {
    reached = true
    return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  }
  it.each<[string, Change, Seat['arrive'] | undefined]>([
    ['before it began', { greet: async () => ((reached = true), 3), session: ({ signal }) => (signal.throwIfAborted(), hang(signal)) }, undefined],
    [
      'while it waits for a container',
      { states: [stateOf({ state: 'starting', endpoint: null })], open: async () => ((reached = true), stateOf({ state: 'starting' })) },
      undefined,
    ],
    ['at the barrier', {}, hang],
    ['in the session', { session: ({ signal }) => hang(signal) }, undefined],
  ])('%s, it closes what is open and leaves its seat', async (_, change, arrive) => {
    reached = false
    const w = world(change)
    const { seat, seen } = seatOf(arrive)
    const stop = new AbortController()
    const proving = w.prover.prove(target, stop.signal, seat)
    const ended = proving.catch((error: unknown) => error)
    await until('it is there', () => reached)
    stop.abort()
    expect(await ended).toMatchObject({ name: 'AbortError' })
    await until('it is closed', () => w.closes().length === 1)
    expect(w.closes()).toMatchObject([{ result: 'failed', text: expect.stringMatching(/^given up/) }])
    expect(seen.at(-1)).toBe('left')
  })
})
