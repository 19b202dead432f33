import type { Registry } from 'prom-client'
import { PHASES, PROTOCOL } from '../../schema/index.ts'
import { flag, makeRegistry, maybe, type Metric, type Sample } from '../core/metrics.ts'
import { VERSION } from '../core/version.ts'
import { news } from './agent.ts'
import type { Agent } from './assemble.ts'
import { CHAIN_METRICS, chainSamples } from './chain/metrics.ts'
import { viewOf } from './chain/view.ts'

/** Every metric of a miner agent by its name; units stand in the names. */
export const METRICS = {
  compute_miner_build_info: { kind: 'gauge', help: 'Always 1; the labels say which agent this is', labels: ['version', 'protocol', 'hotkey'] },
  compute_miner_sync_total: { kind: 'counter', help: 'Syncs with the edge by outcome: ok, or the code of the refusal', labels: ['outcome'] },
  compute_miner_sync_age_seconds: { kind: 'gauge', help: 'Since the last sync that the edge took; absent before the first' },
  compute_miner_wake_socket_up: { kind: 'gauge', help: '1 while the wake socket is up; without it the agent polls every minute' },
  compute_miner_clock_offset_seconds: { kind: 'gauge', help: "How far this machine's clock is behind the edge's" },
  compute_miner_wish_epoch: { kind: 'gauge', help: 'Epoch of the wish this agent holds' },
  compute_miner_wish_version: { kind: 'gauge', help: 'Version of the wish this agent holds' },
  compute_miner_containers: { kind: 'gauge', help: 'Wished containers by phase', labels: ['phase'] },
  compute_miner_unexplained: { kind: 'gauge', help: 'Containers of this agent that the edge does not mention' },
  compute_miner_foreign: { kind: 'gauge', help: 'Containers of other agents, hotkeys or installs on this engine; they are left alone' },
  compute_miner_engine_up: { kind: 'gauge', help: '1 while the container engine answers' },
  compute_miner_disk_free_bytes: { kind: 'gauge', help: 'Free on the disk that containers write to' },
  ...CHAIN_METRICS,
  compute_miner_step_seconds: {
    kind: 'histogram',
    help: 'How long steps took by kind and outcome; its count is the number of steps',
    labels: ['kind', 'outcome'],
  },
} as const satisfies Record<string, Metric>

type Name = keyof typeof METRICS

/** A pull takes minutes, everything else should take milliseconds. */
const BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200]
const MB = 1024 * 1024

/** What each metric is now. A histogram is not here: it is fed as things happen. */
function samples(agent: Agent, hotkey: string): Record<Exclude<Name, 'compute_miner_step_seconds'>, () => Sample[]> {
  const { pulse, time, hold, host, tools } = agent
  return {
    compute_miner_build_info: () => [{ value: 1, labels: { version: VERSION, protocol: String(PROTOCOL), hotkey } }],
    compute_miner_sync_total: () => [...pulse.outcomes].map(([outcome, value]) => ({ value, labels: { outcome } })),
    compute_miner_sync_age_seconds: () => maybe(pulse.ageS),
    compute_miner_wake_socket_up: () => flag(pulse.socketUp),
    compute_miner_clock_offset_seconds: () => maybe(time.offsetMs === null ? null : time.offsetMs / 1000),
    compute_miner_wish_epoch: () => maybe(hold.wish?.epoch),
    compute_miner_wish_version: () => maybe(hold.wish?.version),
    compute_miner_containers: () => {
      const phases = Map.groupBy(news(agent).allocations, (fact) => fact.phase)
      return PHASES.map((phase) => ({ value: phases.get(phase)?.length ?? 0, labels: { phase } }))
    },
    compute_miner_unexplained: () => maybe(news(agent).unexplained.length),
    compute_miner_foreign: () => maybe(tools.sight.foreign),
    compute_miner_engine_up: () => flag(tools.sight.engine.ok),
    compute_miner_disk_free_bytes: () => maybe(host.facts && host.facts.disk_free_mb * MB),
    ...chainSamples(() => agent.chain && viewOf(agent.chain, agent.clock)),
  }
}

/** The registry of one agent. The library is loaded only by those who want metrics. */
export async function registryOf(agent: Agent, hotkey: string): Promise<Registry> {
  const { compute_miner_step_seconds: step, ...read } = METRICS
  const registry = await makeRegistry(read, samples(agent, hotkey))
  const { Histogram } = await import('prom-client')
  const name: Name = 'compute_miner_step_seconds'
  const steps = new Histogram({ name, help: step.help, labelNames: [...step.labels], buckets: BUCKETS_S, registers: [registry] })
  agent.tools.onStep = ({ kind, outcome, seconds }) => steps.observe({ kind, outcome }, seconds)
  return registry
}
