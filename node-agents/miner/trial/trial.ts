import { randomBytes } from 'node:crypto'
import type { GpuFact, Measured } from '../../../schema/index.ts'
import type { Card, Catalog } from '../../core/catalog.ts'
import { realClock } from '../../core/clock.ts'
import type { Driver, Owner, Shell } from '../../core/ports.ts'
import { makeSeed } from '../../core/proof/bundle/seed.ts'
import type { Header, SeedParts } from '../../core/proof/bundle/types.ts'
import { BundleWriter } from '../../core/proof/bundle/write.ts'
import { identify } from '../../core/proof/identify/identify.ts'
import { measure } from '../../core/proof/identify/measure.ts'
import { simulatedTask, sizesFor } from '../../core/proof/identify/task.ts'
import type { Claim, Identity } from '../../core/proof/identify/types.ts'
import { type Host, proofScript, proveOver } from '../../core/proof/over-ssh.ts'
import type { Heard, SessionResult, Task } from '../../core/proof/session/types.ts'
import type { PortRange } from '../ports-range.ts'
import type { Finding } from '../doctor/finding.ts'
import { pythonInside, selftestInside } from './inside.ts'
import { type Opinion, judgeTrial } from './judge.ts'
import { type Room, stillFree, withRoom } from './room.ts'

/** Stands in a seed for the validator: nobody vouches for a trial. */
const NOBODY = 'nobody'

export type TrialOrder = {
  driver: Driver
  shell: Shell
  owner: Owner
  image: string
  cards: readonly GpuFact[]
  claim: Claim
  card: Card
  catalog: Catalog
  ports: PortRange
  /** The Python in the image. */
  python: string
  /** Who is proved, as far as it is known. */
  hotkey: string
  /** Where the evidence goes; null: none is kept. */
  bundle: string | null
  /** Known answers first. */
  selftest: boolean
  tell: (text: string) => void
  signal: AbortSignal
}

export type Trial = Opinion & {
  session: SessionResult | null
  measured: Measured | null
  identity: Identity | null
  /** SHA-256 of the evidence. */
  bundle: { path: string; digest: string } | null
}

/**
 * A proof of cards of this host, by this host: a container like a tenant's, the whole session over SSH, and what a validator would say.
 * The container goes in any case. Rejects with a `DriverError`, a `ShellError`, or the signal's reason.
 */
export function runTrial(order: TrialOrder): Promise<Trial> {
  const { driver, owner, image, cards, claim, ports, signal, tell } = order
  tell(`a container of ${image} with ${claim.count} × ${claim.model}${claim.simulated ? ' (simulated)' : ''} is made`)
  return withRoom({ driver, owner, image, cards, simulated: claim.simulated, ports }, signal, async (room) => {
    const { python, shell } = order
    const device = claim.simulated ? 'cpu' : 'cuda'
    const host: Host = { shell, door: room.door, key: room.key, script: await proofScript(), python, device, signal }
    const inside = [await pythonInside({ driver, owner, container: room.container, python, simulated: claim.simulated })]
    if (order.selftest && inside[0]?.status !== 'fail') {
      tell('known answers are asked for')
      inside.push(await selftestInside(host))
    }
    const failed = inside.find(({ status }) => status === 'fail')
    if (failed) return unproved(failed, inside)
    tell('the session runs')
    const trial = await proved(order, room, host)
    return { ...trial, findings: [...inside, ...trial.findings] }
  })
}

const unproved = ({ says }: Finding, findings: Finding[]): Trial => ({
  result: 'failed',
  says: `failed: ${says}`,
  findings,
  session: null,
  measured: null,
  identity: null,
  bundle: null,
})

async function proved(order: TrialOrder, room: Room, host: Host): Promise<Trial> {
  const { claim, card, catalog, hotkey, bundle: path, signal } = order
  const task = claim.simulated ? simulatedTask(claim.count) : sizesFor(card, claim)
  const bundle = path === null ? null : new BundleWriter(path)
  const go = async () => {
    await stillFree(order, signal)
    const header = headerOf(task, { validator: NOBODY, miner: hotkey, hostKey: room.fingerprint, round: room.container.allocation })
    await bundle?.begin(header)
    return makeSeed(header.seed)
  }
  try {
    const hooks = { go, committed: async () => undefined, heard: (line: Heard) => bundle?.heard(line) }
    const session = await proveOver({ ...host, task, hooks, clock: realClock })
    const measured = session.times.length === 0 ? null : measure(session.times, task.sizes)
    const identity = measured && identify(measured, claim, catalog)
    const kept = (await bundle?.close({ session, claim, identity, catalog: catalog.dated })) ?? null
    return { ...judgeTrial(session, card, identity), session, measured, identity, bundle: kept }
  } finally {
    await bundle?.abort()
  }
}

/** Signed by nobody, and of no pulse: nobody but its owner rests anything on a trial. */
function headerOf({ gpus, sizes }: Task, parts: Omit<SeedParts, 'fresh' | 'pulse'>): Header {
  const seed = { ...parts, fresh: randomBytes(32).toString('hex'), pulse: null }
  return { v: 1, seed, sizes, gpus, goAtMs: realClock.wallMs(), by: null }
}
