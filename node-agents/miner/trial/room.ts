import { createHash, randomBytes } from 'node:crypto'
import { availableParallelism, freemem } from 'node:os'
import { fingerprint, type GpuFact, type Limits, makeId } from '../../../schema/index.ts'
import { realClock } from '../../core/clock.ts'
import { reason } from '../../core/mistake.ts'
import { type Container, type ContainerSpec, type Driver, DriverError, type Owner, type SshDoor } from '../../core/ports.ts'
import { awaitBanner } from '../banner.ts'
import { generateSshKey } from '../../core/ssh-key.ts'
import { candidatePorts, type PortRange } from '../ports-range.ts'
import { RentedOut } from './cards.ts'

const BANNER_MS = 45_000
/** Which ports are free only the engine knows. */
const PORTS_TRIED = 16
const LOCAL = '127.0.0.1'
const MB = 1024 * 1024
const GIVEN = 0.9
const PIDS_PER_GPU = 4096

/** Everybody's but the agent's: what a trial makes is foreign to it, and it lends no GPU that a foreign container holds. */
const NAME = 'trial'

/** The owner of what trials make that keep their lock in this folder. */
export function ownerOf(folder: string): Owner {
  return { edge: NAME, hotkey: NAME, install: `in_${createHash('sha256').update(folder).digest('hex').slice(0, 16)}` }
}

/** A container of a trial's own, with everything that is needed to log in to it. */
export type Room = {
  container: Container
  door: SshDoor
  /** Private half, OpenSSH's format. */ key: string
  /** SHA256:… of the host key. */ fingerprint: string
}

export type RoomOrder = { driver: Driver; owner: Owner; image: string; cards: readonly GpuFact[]; simulated: boolean; ports: PortRange }

/** Removes what trials of this owner left that were killed. @returns how many there were */
export async function sweepRooms(driver: Driver, owner: Owner, signal?: AbortSignal): Promise<number> {
  const { containers } = await driver.list(owner, signal)
  for (const left of containers) await driver.remove(owner, left)
  return containers.length
}

/**
 * Lets `use` have a container like a tenant's, with these cards, and removes it in any case.
 * @throws DriverError; and whatever `use` rejects with
 */
export async function withRoom<T>(order: RoomOrder, signal: AbortSignal, use: (room: Room) => Promise<T>): Promise<T> {
  const { driver, owner } = order
  const [host, client] = [generateSshKey(NAME), generateSshKey(NAME)]
  const spec = specOf(order, host, client.publicKey)
  try {
    const { port } = await driver.run(owner, spec, signal)
    const { allocation, incarnation, gpus, hostKey, trace } = spec
    const container: Container = { allocation, incarnation, gpus, hostKey, trace, port, state: 'running', exitCode: null, started: true }
    if (!(await awaitBanner(realClock, { host: LOCAL, port, withinMs: BANNER_MS, alive: () => true }, signal)))
      throw new DriverError('not_answering', `no SSH server answered in the container within ${BANNER_MS / 1000} s`)
    await stillFree(order, signal)
    const door = { host: LOCAL, port, user: 'root', hostKey: host.publicKey }
    return await use({ container, door, key: client.privateKey, fingerprint: fingerprint(host.publicKey) })
  } finally {
    await release(driver, owner, spec)
  }
}

/**
 * That nobody else's container holds these cards: the agent may have looked just before ours was there, and its tenant comes first.
 * @throws RentedOut
 */
export async function stillFree({ driver, owner, cards }: Pick<RoomOrder, 'driver' | 'owner' | 'cards'>, signal: AbortSignal): Promise<void> {
  const { foreignGpus } = await driver.list(owner, signal)
  const lost = cards.filter(({ uuid }) => foreignGpus.includes(uuid))
  if (lost.length > 0) throw new RentedOut(`${lost.length} of ${cards.length} GPUs were just now`)
}

async function release(driver: Driver, owner: Owner, spec: ContainerSpec): Promise<void> {
  try {
    await driver.remove(owner, spec)
  } catch (error) {
    throw new DriverError('engine_error', `the container of this trial may still be there, and the next one removes it: ${reason(error)}`, error)
  }
}

type Pair = ReturnType<typeof generateSshKey>

function specOf({ image, cards, simulated, ports }: RoomOrder, host: Pair, authorized: string): ContainerSpec {
  const start = Math.floor(Math.random() * (ports.last - ports.first + 1))
  return {
    allocation: makeId('al', Date.now(), randomBytes(10)),
    incarnation: 1,
    gpus: cards.map(({ uuid }) => uuid),
    hostKey: host.publicKey,
    trace: randomBytes(16).toString('hex'),
    ports: candidatePorts(ports, new Set(), PORTS_TRIED, start),
    image,
    limits: limitsFor(cards.length),
    env: {},
    authorizedKeys: [authorized],
    hostPrivateKey: host.privateKey,
    simulated,
  }
}

/** As a tenant of that many cards has them at most: of memory what is free now, since tenants hold the rest. */
function limitsFor(gpus: number): Limits {
  const memory = Math.floor((freemem() / MB) * GIVEN)
  return { cpus: availableParallelism(), memory_mb: memory, shm_mb: Math.floor(memory / 2), disk_gb: 2, pids: PIDS_PER_GPU * gpus }
}
