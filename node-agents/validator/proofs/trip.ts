import { randomBytes } from 'node:crypto'
import type { ProofEvidence, ProofState } from '../../../schema/index.ts'
import { ShellError, type SshDoor } from '../../core/ports.ts'
import type { Seat } from '../../core/proof/seat.ts'
import { identify } from '../../core/proof/identify/identify.ts'
import { measure } from '../../core/proof/identify/measure.ts'
import { simulatedTask, sizesFor } from '../../core/proof/identify/task.ts'
import type { SessionResult, Task } from '../../core/proof/session/types.ts'
import { Mistake } from '../../core/mistake.ts'
import { claimOf, type Claimed } from './claim.ts'
import { doorOf } from './door.ts'
import { checkAlive, type Greeting, greetings } from './liveness.ts'
import { markCommitted, markGo } from './marks.ts'
import { NotProved } from './not-proved.ts'
import { untilReady } from './open.ts'
import type { EdgeProverDeps } from './prover.ts'
import { pulseOf } from './pulse.ts'
import type { Quiet } from './quiet.ts'
import { Recording } from './record.ts'
import { judged, type Judged, mismatchStands } from './verdict.ts'

/** What came of one way to a miner and back. `unreachable`: the miner was not there, or not any more. */
export type Tripped = { judged: Judged; bundle: ProofEvidence['bundle']; unreachable: boolean }

type Wanted = { hotkey: string; key: string; seat: Seat; quiet: Quiet; /** Filled with what was seen. */ greeted: Greeting[] }
type Site = { id: string; hotkey: string; key: string; door: SshDoor; fingerprint: string; task: Task; cpu: boolean; seat: Seat; quiet: Quiet }

/**
 * The whole way: until somebody can log in, greetings, session, what it is worth.
 * @throws NotProved for what lies with the miner; NotNow; anything else is this machine's own
 */
export async function judgedOf(opened: ProofState, { hotkey, key, seat, quiet, greeted }: Wanted, d: EdgeProverDeps, signal: AbortSignal): Promise<Tripped> {
  const state = await untilReady(opened, d, signal)
  const believed = doorOf(state, hotkey)
  if ('lie' in believed) throw new NotProved(`its address cannot be believed: ${believed.lie}`)
  const claimed = claimOf(state.gpus, d.catalog)
  if ('none' in claimed) throw new NotProved(claimed.none)
  const task = taskOf(claimed)
  const before = mismatchStands((await d.store.proofs()).get(hotkey) ?? [])
  greeted.push(...(await greetings(believed.door, d, signal)))
  checkAlive(greeted)
  const recording = await Recording.of(state.id, d.bundles, d.openBundle)
  try {
    const session = await sessionAt({ id: state.id, hotkey, key, task, cpu: claimed.claim.simulated, seat, quiet, ...believed }, recording, d, signal)
    const identity = session.times.length === 0 ? null : identify(measure(session.times, task.sizes), claimed.claim, d.catalog)
    const bundle = await recording.close({ session, claim: claimed.claim, identity, catalog: d.catalog.dated })
    const unreachable = session.ended === 'timeout' || session.ended === 'broken'
    return { judged: judged(session, identity, { claim: claimed.claim, cards: state.gpus, before }), bundle, unreachable }
  } finally {
    await recording.end()
  }
}

function taskOf({ claim, card }: Exclude<Claimed, { none: string }>): Task {
  try {
    return card ? sizesFor(card, claim) : simulatedTask(claim.count)
  } catch (error) {
    if (error instanceof Mistake) throw new NotProved(error.message, { cause: error })
    throw error
  }
}

async function sessionAt(site: Site, recording: Recording, d: EdgeProverDeps, signal: AbortSignal): Promise<SessionResult> {
  const { shell, script, python, clock, control, session } = d
  const { id, door, key, task, cpu, quiet } = site
  const hooks = {
    go: (s: AbortSignal) => start(site, recording, d, s),
    committed: async (digest: string, s: AbortSignal) => {
      await markCommitted(control, id, digest, s)
      await quiet.checked(site, s)
    },
    heard: recording.heard.bind(recording),
  }
  try {
    return await session({ shell, door, key, script, python, device: cpu ? 'cpu' : 'cuda', task, hooks, clock, signal })
  } catch (error) {
    if (!(error instanceof ShellError)) throw error
    throw new NotProved(error.message, { unreachable: ['unreachable', 'timeout', 'broken'].includes(error.code), cause: error })
  } finally {
    quiet.over(site)
  }
}

/** The moment to start: together with all who are ready, out of reach for clients, and with a seed that nobody knew. */
async function start(site: Site, recording: Recording, d: EdgeProverDeps, signal: AbortSignal): Promise<Uint8Array> {
  const { id, hotkey, fingerprint, task, seat, quiet } = site
  const { chain, control, signer, clock } = d
  await seat.arrive(signal)
  await quiet.timed(site, signal)
  const [pulse] = await Promise.all([pulseOf(chain, d, signal), markGo(control, id, signal)])
  const seed = { fresh: randomBytes(32).toString('hex'), pulse, validator: signer.address, miner: hotkey, hostKey: fingerprint, round: id }
  return recording.begin({ v: 1, seed, sizes: task.sizes, gpus: task.gpus, goAtMs: clock.wallMs(), by: signer.address })
}
