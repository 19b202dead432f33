import { randomUUID } from 'node:crypto'
import type { ContainerState } from '../../node-agents/core/ports.ts'
import type { AllocationFact, AllocationView } from '../../schema/index.ts'
import { keyPair } from '../support/ssh.ts'
import type { Answer, Market } from './market.ts'

export const ACTS = ['allocate', 'pause', 'resume', 'rekey', 'restart', 'release'] as const
export type ActName = (typeof ACTS)[number]

type Pair = ReturnType<typeof keyPair>

/** What a tenant holds, and what he knows of it. */
export type Rental = { id: string; pair: Pair; /** Keys that may not log in any more. */ old: Pair[]; /** What he wrote into it. */ text: string }

/** One act as a client asks for it: the same request again and again until it is answered. */
export type Act = {
  name: ActName
  /** The word of its event, which stands in the write of the wish. */
  word: string
  /** The state it begins in; null: with nothing. */
  from: 'running' | 'paused' | null
  /** What the client sees when wish and fact agree. */
  to: 'running' | 'paused' | 'ended'
  /** One container in this state, or none. */
  container: ContainerState | null
  request: (market: Market, rental: Rental, before: AllocationView | null) => () => Promise<Answer<AllocationView>>
  /** Whether a fact says that it is done. */
  done: (fact: AllocationFact, before: AllocationView | null) => boolean
}

const NOW = { prefer: 'wait=0' }
const path = ({ id }: Rental, verb: string) => `/v1/allocations/${id}/${verb}`
const after = (f: AllocationFact, b: AllocationView | null) => f.observed_generation > (b?.generation ?? 0)

const simple = (verb: 'pause' | 'resume') => (m: Market, r: Rental) => () => m.call('POST', path(r, verb), {}, NOW)

export const acts: Record<ActName, Act> = {
  allocate: {
    name: 'allocate',
    word: 'allocated',
    from: null,
    to: 'running',
    container: 'running',
    request: (m, r) => {
      const key = { 'idempotency-key': randomUUID() }
      return () => m.call('POST', '/v1/allocations', { ssh_keys: [r.pair.public], gpu: { count: 2 } }, { ...NOW, ...key })
    },
    done: (f) => f.phase === 'running',
  },
  pause: {
    name: 'pause',
    word: 'pause_asked',
    from: 'running',
    to: 'paused',
    container: 'paused',
    request: simple('pause'),
    done: (f, b) => after(f, b) && f.phase === 'paused',
  },
  resume: {
    name: 'resume',
    word: 'resume_asked',
    from: 'paused',
    to: 'running',
    container: 'running',
    request: simple('resume'),
    done: (f, b) => after(f, b) && f.phase === 'running',
  },
  rekey: {
    name: 'rekey',
    word: 'rekey_asked',
    from: 'running',
    to: 'running',
    container: 'running',
    request: (m, r) => {
      r.old.push(r.pair)
      r.pair = keyPair()
      return () => m.call('POST', path(r, 'rekey'), { ssh_keys: [r.pair.public] }, NOW)
    },
    done: (f, b) => after(f, b) && f.keys_n > (b?.observed_keys_n ?? 0),
  },
  restart: {
    name: 'restart',
    word: 'restart_asked',
    from: 'running',
    to: 'running',
    container: 'running',
    request: (m, r, b) => () => m.call('POST', path(r, 'restart'), { restart_n: (b?.restart_n ?? 0) + 1 }, NOW),
    done: (f, b) => after(f, b) && f.restart_n > (b?.observed_restart_n ?? 0) && f.phase === 'running',
  },
  release: {
    name: 'release',
    word: 'stop_asked',
    from: 'running',
    to: 'ended',
    container: null,
    request: (m, r) => () => m.call('DELETE', `/v1/allocations/${r.id}`, undefined, NOW),
    done: (f, b) => after(f, b) && f.phase === 'gone',
  },
}
