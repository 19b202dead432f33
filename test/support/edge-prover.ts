import { randomBytes } from 'node:crypto'
import { fingerprint, hostKeyStatement, type MarkProof, type ProofState, type ProofVerdict, verdictStatement, verifyBytes } from '../../schema/index.ts'
import { readCatalog } from '../../node-agents/core/catalog.ts'
import { realClock } from '../../node-agents/core/clock.ts'
import { ControlError } from '../../node-agents/core/control.ts'
import { hotkeyFromSeed } from '../../node-agents/core/hotkey.ts'
import { generateSshKey } from '../../node-agents/core/ssh-key.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Clock, ProofTarget } from '../../node-agents/core/ports.ts'
import type { Seat } from '../../node-agents/core/proof/seat.ts'
import { BundleWriter } from '../../node-agents/core/proof/bundle/write.ts'
import type { Over, proveOver } from '../../node-agents/core/proof/over-ssh.ts'
import type { SessionResult } from '../../node-agents/core/proof/session/types.ts'
import { makeSigner } from '../../node-agents/core/signer.ts'
import type { NewChallenge, Proof } from '../../node-agents/validator/store/types.ts'
import { Bundles } from '../../node-agents/validator/proofs/bundles.ts'
import { EdgeProver, type EdgeProverDeps } from '../../node-agents/validator/proofs/prover.ts'
import { gpu, host } from './scores.ts'

/** A validator's prover at an edge and with a shell that are none: what it does with what they say. */

export const miner = makeSigner(hotkeyFromSeed(randomBytes(32)))
export const own = makeSigner(hotkeyFromSeed(randomBytes(32)))
const hostKey = generateSshKey('').publicKey
const log = makeLog('silent', 'test')
export const never: AbortSignal = new AbortController().signal
export const ID = 'al_01jd0000000000000000000000'

/** The machine's time, but nobody sleeps. */
const clock: Clock = { ...realClock, sleep: async (_, signal) => (await new Promise((resolve) => setImmediate(resolve)), signal?.throwIfAborted()) }

export function stateOf(change: Partial<ProofState> = {}): ProofState {
  const at = { allocation: change.id ?? ID, incarnation: 1, host: '203.0.113.7', port: 20_022, fingerprint: fingerprint(hostKey) }
  const endpoint = { host: at.host, port: at.port, user: 'root', host_key: hostKey, signature: miner.sign(hostKeyStatement(at)) }
  const gpus = [{ uuid: 'GPU-0', model: 'NVIDIA H200', vram_mb: 143_771, simulated: true, rented_ms: 5 }]
  const times = { opened_at_ms: 0, go_at_ms: null, committed_at_ms: null, closed_at_ms: null, ends_at_ms: 300_000 }
  return { id: ID, hotkey: miner.address, state: 'ready', reason: null, incarnation: 1, endpoint, gpus, ...times, ...change }
}

export const passed: SessionResult = {
  ended: 'complete',
  phase: 'open',
  text: 'all 1 GPUs passed',
  verdict: { result: 'passed', gpus: [{ gpu: 0, result: 'passed', chain: 128, sweep: 32 }], fault: null, text: 'all 1 GPUs passed' },
  seed: new Uint8Array(32),
  committed: [],
  times: [{ gpu: 0, chainMs: 10, sweepMs: 10 }],
  rttMs: 1,
  claims: [],
  bytes: { in: 1, out: 1 },
}
export const mismatch: SessionResult = { ...passed, verdict: { result: 'mismatch', gpus: [], fault: null, text: 'GPU 0: row 1 is wrong' } }

/** A session as the real one goes: everybody is ready, goes, and commits. */
export const through =
  (result: SessionResult) =>
  async ({ hooks, signal }: Over): Promise<SessionResult> => {
    await hooks.go(signal)
    await hooks.committed('ab'.repeat(32), signal)
    return result
  }

export type Change = {
  states?: ProofState[]
  open?: () => Promise<ProofState>
  mark?: (mark: MarkProof) => Promise<unknown>
  session?: typeof proveOver
  greet?: () => Promise<number>
  proofs?: Proof[]
  writer?: EdgeProverDeps['openBundle']
  pulse?: () => Promise<null>
  time?: Clock
}

/** A prover at an edge that says these states one after the other. @param state directory for its evidence */
export function worldAt(
  state: string,
  {
    states = [stateOf()],
    open,
    mark,
    session = through(passed),
    greet = async () => 3,
    proofs = [],
    writer,
    pulse = async () => null,
    time = clock,
  }: Change = {},
) {
  const marks: MarkProof[] = []
  const challenges: NewChallenge[] = []
  const said = [...states]
  const next = () => (said.length > 1 ? (said.shift() ?? stateOf()) : (said[0] ?? stateOf()))
  const control: EdgeProverDeps['control'] = {
    openProof: open ?? (async () => next()),
    proof: async (_, __, signal) => (await clock.sleep(0, signal), next()),
    markProof: async (_, body) => {
      marks.push(body)
      await mark?.(body)
      return stateOf()
    },
  }
  const prover = new EdgeProver({
    control,
    meeting: { ready: async () => undefined, failed: () => undefined },
    shell: { greet, login: () => Promise.reject(new Error('the session is not real')) },
    chain: { pulse },
    store: { proofs: async () => new Map([[miner.address, proofs]]), keepChallenge: async (c) => void challenges.push(c) },
    catalog: readCatalog(),
    signer: own,
    netuid: 27,
    block: () => 1000,
    nowMs: () => 1_800_000_000_000,
    bundles: new Bundles(state, { count: 5, bytes: 1e6 }, log),
    openBundle: writer ?? ((path) => new BundleWriter(path, own)),
    python: 'python3',
    script: new Uint8Array(),
    session,
    clock: time,
    log,
  })
  const closes = () => marks.flatMap((m) => (m.mark === 'close' ? [m.verdict] : []))
  return { prover, marks, closes, challenges }
}

export const target: ProofTarget = { uid: 1, hotkey: miner.address, miner: host([gpu(0, { simulated: true })], { hotkey: miner.address, simulated: true }) }
export const holds = (v: ProofVerdict) => verifyBytes(own.address, new TextEncoder().encode(verdictStatement(v)), v.signature)
/** A seat that notes what happens to it. */
export function seatOf(arrive: Seat['arrive'] = async () => undefined) {
  const seen: string[] = []
  const seat: Seat = { arrive: async (signal) => (seen.push('arrived'), arrive(signal)), leave: () => void seen.push('left') }
  return { seat, seen }
}
export const away = (code: 'network' | 'timeout' | 'conflict' | 'internal') => new ControlError(code, `the edge: ${code}`, code !== 'conflict')
