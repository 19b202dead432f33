import { randomBytes } from 'node:crypto'
import { makeLog } from '../../node-agents/core/log.ts'
import { Trigger } from '../../node-agents/core/trigger.ts'
import { Pulse } from '../../node-agents/miner/pulse.ts'
import { Sync, type SyncDeps } from '../../node-agents/miner/sync.ts'
import { makeId, PROTOCOL, type Report } from '../../schema/index.ts'
import { HandClock } from './clock.ts'
import { hostFacts } from './agent.ts'

const HOUR_MS = 3600_000
const QUIET = { allocations: [], unexplained: [], foreign: 0, engine: { ok: true, message: '' } }

/** The agent's own loop of syncs over so many hours in which nothing happens, its socket up; time is moved by hand. @returns how often it asked */
export async function idleRequests(hours: number): Promise<number> {
  const clock = new HandClock()
  const over = new AbortController()
  const end = clock.monotonicMs() + hours * HOUR_MS
  const facts = hostFacts('5'.repeat(48), 8, 'NVIDIA H200')
  let requests = 0
  const deps = {
    control: {
      sync: async () => {
        if (clock.monotonicMs() > end) over.abort()
        else requests++
        return ''
      },
    },
    session: { ready: async () => undefined },
    hold: { wish: null, take: async () => false },
    time: { anchor: () => undefined },
    pulse: new Pulse(clock),
    clock,
    trigger: new Trigger(clock),
    hotkey: '',
    report: async (full: boolean): Promise<Report> => ({
      protocol: PROTOCOL,
      version: 'test',
      install: makeId('in', 0, randomBytes(10)),
      boot: makeId('bo', 0, randomBytes(10)),
      seq: requests + 1,
      wish: null,
      ...QUIET,
      facts: full ? facts : null,
    }),
    news: () => QUIET,
    onWish: () => undefined,
    onFull: () => undefined,
    log: makeLog('error', 'idle'),
  }
  const sync = new Sync(deps as unknown as SyncDeps)
  sync.socketUp()
  await sync.run(over.signal).catch((error: unknown) => {
    if (!over.signal.aborted) throw error
  })
  return requests
}
