import { randomBytes } from 'node:crypto'
import { makeId, PROTOCOL, type Report } from '../../schema/index.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Clock } from '../core/ports.ts'
import { VERSION } from '../core/version.ts'
import type { Workers } from './apply.ts'
import type { HostWatch } from './facts.ts'
import type { Hold } from './hold.ts'
import { factsOf, type Known, type News, unexplainedOf } from './report.ts'
import type { ServerTime } from './server-time.ts'
import type { State } from './state.ts'
import type { Tools } from './tools.ts'

const FIRST_LOOK_MS = 2000
const LOOK_STEP_MS = 5
const MAX_LISTED = 256

export type Parts = { tools: Tools; hold: Hold; workers: Workers; host: HostWatch; time: ServerTime; state: State; clock: Clock; log: Log }

/** Everything a report is made of, as of now. */
function known({ tools, hold, workers, time }: Parts): Known {
  return {
    entries: hold.wish?.entries ?? [],
    unreadable: hold.wish?.unreadable ?? [],
    containers: tools.sight.containers,
    engineOk: tools.sight.engine.ok,
    notes: tools.book.notes,
    worn: tools.book.worn(tools.clock.monotonicMs()),
    sure: (key) => tools.sight.isSure(key),
    lives: tools.memory.lives,
    inFlight: workers.inFlight,
    nowMs: time.now(),
  }
}

/** The part of a report that may be news. */
export function news(parts: Parts): News {
  const now = known(parts)
  const { engine, foreign } = parts.tools.sight
  return { allocations: factsOf(now).slice(0, MAX_LISTED), unexplained: unexplainedOf(now).slice(0, MAX_LISTED), foreign, engine }
}

/** Makes reports. One boot id per process; the first report waits for a first look, so that a restart does not look like an outage. */
export function reporter(parts: Parts, signal: AbortSignal): (full: boolean) => Promise<Report> {
  const boot = makeId('bo', parts.clock.wallMs(), randomBytes(10))
  let looked = false
  return async (full) => {
    if (!looked) await firstLook(parts, signal)
    looked = true
    const { hold, host, state } = parts
    return {
      protocol: PROTOCOL,
      version: VERSION,
      install: state.install,
      boot,
      seq: await state.seq.next(),
      wish: hold.wish && { epoch: hold.wish.epoch, version: hold.wish.version },
      ...news(parts),
      facts: full ? host.facts : null,
    }
  }
}

async function firstLook({ tools, workers, clock }: Parts, signal: AbortSignal): Promise<void> {
  const blind = () => tools.sight.containers === null || workers.inFlight.some((f) => f.kind === 'adopt')
  for (const end = clock.monotonicMs() + FIRST_LOOK_MS; blind() && clock.monotonicMs() < end && !signal.aborted;) await rest(clock, LOOK_STEP_MS, signal)
}
