import * as z from 'zod'
import { PHASES, PROTOCOL } from '../../schema/index.ts'
import { VERSION } from '../core/version.ts'
import { news } from './agent.ts'
import type { Agent } from './assemble.ts'
import { chainView, viewOf } from './chain/view.ts'
import type { Key } from './key.ts'

const time = z.iso.datetime()

/** What the control socket says of the agent behind it. */
export const agentStatus = z.object({
  hotkey: z.string(),
  install: z.string(),
  version: z.string(),
  protocol: z.number(),
  edge: z.object({ url: z.string(), address: z.string().nullable() }),
  sync: z.object({
    ok_at: time.nullable(),
    ok_age_s: z.number().nullable(),
    /** Why the edge refuses since then; null: it does not. */
    refusal: z.object({ code: z.string(), message: z.string(), at: time }).nullable(),
    socket_up: z.boolean(),
    /** How far this machine's clock is behind the edge's. */
    clock_offset_ms: z.number().nullable(),
  }),
  wish: z.object({ epoch: z.number(), version: z.number(), /** Heard since this agent started. */ fresh: z.boolean() }).nullable(),
  engine: z.object({ ok: z.boolean(), message: z.string() }),
  containers: z.array(
    z.object({
      id: z.string(),
      incarnation: z.number(),
      phase: z.enum(PHASES),
      gpus: z.number(),
      expires_at: time.nullable(),
      error: z.string().nullable(),
      trace: z.string(),
    }),
  ),
  unexplained: z.array(
    z.object({
      id: z.string(),
      incarnation: z.number(),
      since: time,
      /** When it goes unless the edge explains it; null: when the operator confirms. */
      goes_at: time.nullable(),
    }),
  ),
  foreign: z.number(),
  /** Null: the agent was told to go without. */
  chain: chainView.nullable(),
})
export type AgentStatus = z.infer<typeof agentStatus>

function split(key: Key): { id: string; incarnation: number } {
  const [id = '', incarnation] = key.split('/')
  return { id, incarnation: Number(incarnation) }
}

const iso = (ms: number) => new Date(ms).toISOString()

/** Everything an operator may ask of a running agent. No secret is in it. */
export function statusOf(agent: Agent, hotkey: string, url: string): AgentStatus {
  const { state, pulse, time, hold, tools } = agent
  const { okMs, refusal } = pulse
  return {
    hotkey,
    install: state.install,
    version: VERSION,
    protocol: PROTOCOL,
    edge: { url, address: state.edge()?.address ?? null },
    sync: {
      ok_at: okMs === null ? null : iso(okMs),
      ok_age_s: pulse.ageS === null ? null : Math.round(pulse.ageS),
      refusal: refusal && { code: refusal.code, message: refusal.message, at: iso(refusal.atMs) },
      socket_up: pulse.socketUp,
      clock_offset_ms: time.offsetMs === null ? null : Math.round(time.offsetMs),
    },
    wish: hold.wish && { epoch: hold.wish.epoch, version: hold.wish.version, fresh: hold.fresh },
    engine: tools.sight.engine,
    containers: containersOf(agent),
    unexplained: tools.unexplained.candidates.map(({ key, sinceMs, goesAtMs }) => ({
      ...split(key),
      since: iso(sinceMs),
      goes_at: goesAtMs === null ? null : iso(goesAtMs),
    })),
    foreign: tools.sight.foreign,
    chain: agent.chain && viewOf(agent.chain, agent.clock),
  }
}

function containersOf(agent: Agent): AgentStatus['containers'] {
  const wished = new Map((agent.hold.wish?.entries ?? []).map((e) => [e.id, e]))
  return news(agent).allocations.map(({ id, incarnation, phase, error, trace }) => {
    const entry = wished.get(id)
    const [gpus, expiresAt] = entry?.kind === 'container' ? [entry.gpus.length, iso(entry.expires_at_ms)] : [0, null]
    return { id, incarnation, phase, gpus, expires_at: expiresAt, error: error && `${error.code}: ${error.message}`, trace }
  })
}
