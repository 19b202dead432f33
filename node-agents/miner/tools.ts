import { type Failure, fingerprint, hostKeyStatement } from '../../schema/index.ts'
import type { Log } from '../core/log.ts'
import { errno, reason } from '../core/mistake.ts'
import { type Clock, type Container, type Driver, DriverError, type Owner } from '../core/ports.ts'
import type { Book } from './book.ts'
import type { Memory } from './memory.ts'
import type { PortRange } from './ports-range.ts'
import type { Sight } from './sight.ts'
import type { Unexplained } from './unexplained.ts'

/** What the hands of the agent work with. */
export type Tools = {
  driver: Driver
  owner: Owner
  clock: Clock
  log: Log
  book: Book
  memory: Memory
  sight: Sight
  unexplained: Unexplained
  /** Which engine the containers are on. */
  engineOf: { known: () => string | null; keep: (id: string) => Promise<void> }
  /** How long a container must not be seen before it counts as lost. */
  missingMs: number
  /** Where clients reach this host, and where the agent itself does. */
  address: string
  probeHost: string
  ports: PortRange
  simulated: boolean
  /** Stays free on the disk of containers; null: see `reserveMb`. */
  diskReserveGb: number | null
  sign: (bytes: Uint8Array) => string
  /** Told of every step that ended; set by whoever wants to know. */
  onStep?: (step: { kind: string; outcome: 'done' | 'failed' | 'given up'; seconds: number }) => void
  /** Called after every change a report could show. */
  changed: () => void
}

const USER = 'root'
const MAX_MESSAGE = 1000

/** Its SSH server answers: the endpoint, with the hotkey's word for its host key. */
export function welcome(t: Tools, c: Container): void {
  const host = t.address
  const statement = hostKeyStatement({ allocation: c.allocation, incarnation: c.incarnation, host, port: c.port, fingerprint: fingerprint(c.hostKey) })
  const endpoint = { host, port: c.port, user: USER, host_key: c.hostKey, signature: t.sign(statement) }
  t.book.write(c, { endpoint, phase: null, progress: null, failure: null })
  t.changed()
}

/** By SIGKILL: the kernel, short of memory, or somebody on the host. */
const KILLED = 137

/** How a container ended, in words its tenant may read. @param then what follows from it */
export function endedWith({ exitCode, oomKilled }: Pick<Container, 'exitCode' | 'oomKilled'>, then: string): Failure {
  const killed = { yes: 'killed: out of memory', no: 'killed by hand', unknown: 'killed: out of memory, or by hand' }
  const by = oomKilled === undefined ? 'unknown' : oomKilled ? 'yes' : 'no'
  const how = exitCode === KILLED ? `${KILLED} (${killed[by]})` : (exitCode ?? 'unknown')
  return { code: 'exited', message: `the container ended with code ${how}; ${then}` }
}

/** Any error as a failure of one container, in words a client may read. */
export function toFailure(error: unknown): Failure {
  const message = reason(error).slice(0, MAX_MESSAGE)
  if (error instanceof DriverError) return { code: error.code === 'away' ? 'engine_error' : error.code, message }
  if (errno(error) === 'ENOSPC') return { code: 'disk_full', message: 'the disk of this host is full' }
  return { code: 'engine_error', message }
}
