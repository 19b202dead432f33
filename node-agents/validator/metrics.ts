import type { Registry } from 'prom-client'
import { flag, makeRegistry, maybe, type Metric, type Sample } from '../core/metrics.ts'
import { WORK_METRICS, workSamples } from './loops/metrics.ts'
import { VERSION } from '../core/version.ts'
import { statusOf, type Validator } from './status.ts'

/** Every metric of a validator by its name; units stand in the names. */
export const METRICS = {
  compute_validator_build_info: { kind: 'gauge', help: 'Always 1; the labels say which validator this is', labels: ['version', 'hotkey', 'netuid'] },
  compute_validator_chain_up: { kind: 'gauge', help: '1 while a chain endpoint answers' },
  compute_validator_chain_head: { kind: 'gauge', help: 'Number of the newest block' },
  compute_validator_chain_head_age_seconds: { kind: 'gauge', help: 'Since the newest block came' },
  compute_validator_chain_finalized: { kind: 'gauge', help: 'Number of the newest finalized block' },
  compute_validator_chain_failovers_total: { kind: 'counter', help: 'Changes from one chain endpoint to another' },
  compute_validator_uids: { kind: 'gauge', help: 'Hotkeys registered on the subnet' },
  compute_validator_permit: { kind: 'gauge', help: '1 with a validator permit' },
  compute_validator_stake: { kind: 'gauge', help: 'Total stake of this hotkey, in TAO' },
  compute_validator_snapshot_block: { kind: 'gauge', help: 'Block of the last snapshot that the edge answered to' },
  compute_validator_snapshot_total: { kind: 'counter', help: 'Snapshots by outcome, or by the code of what went wrong', labels: ['outcome'] },
  ...WORK_METRICS,
} as const satisfies Record<string, Metric>

type Name = keyof typeof METRICS
const RAO = 1e9

/** What each metric is now. */
function samples(v: Validator): Record<Exclude<Name, 'compute_validator_proof_seconds'>, () => Sample[]> {
  const chain = () => statusOf(v).chain
  const subnet = () => statusOf(v).subnet
  return {
    compute_validator_build_info: () => [{ value: 1, labels: { version: VERSION, hotkey: v.hotkey, netuid: String(v.netuid) } }],
    compute_validator_chain_up: () => flag(chain().endpoint !== null),
    compute_validator_chain_head: () => maybe(chain().head?.number),
    compute_validator_chain_head_age_seconds: () => maybe(chain().head_age_s),
    compute_validator_chain_finalized: () => maybe(chain().finalized?.number),
    compute_validator_chain_failovers_total: () => [{ value: chain().failovers }],
    compute_validator_uids: () => maybe(subnet()?.uids),
    compute_validator_permit: () => maybe(subnet() && Number(subnet()?.permit)),
    compute_validator_stake: () => maybe(subnet()?.stake == null ? null : Number(subnet()?.stake) / RAO),
    compute_validator_snapshot_block: () => maybe(v.state.posted()?.block),
    compute_validator_snapshot_total: () => [...v.post.outcomes].map(([outcome, value]) => ({ value, labels: { outcome } })),
    ...workSamples(v),
  }
}

/** A simulated proof takes milliseconds, a real one minutes. */
const BUCKETS_S = [0.1, 1, 5, 10, 30, 60, 120, 180, 240, 300, 600]

/** The registry of one validator. The library is loaded only by those who want metrics. */
export async function registryOf(validator: Validator): Promise<Registry> {
  const { compute_validator_proof_seconds: proof, ...read } = METRICS
  const registry = await makeRegistry(read, samples(validator))
  const { Histogram } = await import('prom-client')
  const name: Name = 'compute_validator_proof_seconds'
  const proofs = new Histogram({ name, help: proof.help, labelNames: [...proof.labels], buckets: BUCKETS_S, registers: [registry] })
  validator.proofs.onTried = ({ outcome, durationMs }) => proofs.observe({ result: outcome }, durationMs / 1000)
  return registry
}
