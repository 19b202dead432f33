import { maybe, type Metric, type Sample } from '../../core/metrics.ts'
import type { Validator } from '../status.ts'
import { chainDataOf } from './chain-data.ts'

/** What the loops of a validator do; units stand in the names. */
export const WORK_METRICS = {
  compute_validator_trust: { kind: 'gauge', help: 'Consensus of this hotkey on chain, 0 to 1' },
  compute_validator_incentive: { kind: 'gauge', help: 'Incentive of this hotkey, 0 to 1' },
  compute_validator_dividends: { kind: 'gauge', help: 'Dividends of this hotkey, 0 to 1' },
  compute_validator_emission: { kind: 'gauge', help: 'Alpha of this hotkey over the last tempo' },
  compute_validator_job_lag_blocks: { kind: 'gauge', help: 'Blocks a job is behind its schedule', labels: ['job'] },
  compute_validator_job_failing: { kind: 'gauge', help: '1 while the last run of a job failed', labels: ['job'] },
  compute_validator_miners: { kind: 'gauge', help: 'Hotkeys of the subnet after the filter: included, or why not', labels: ['filter'] },
  compute_validator_proofs_running: { kind: 'gauge', help: 'Miners that are being proved now' },
  compute_validator_proof_total: { kind: 'counter', help: 'Proofs that were tried, by what came of them', labels: ['result'] },
  compute_validator_proof_seconds: { kind: 'histogram', help: 'How long one proof took', labels: ['result'] },
  compute_validator_score: { kind: 'gauge', help: 'Score of a miner, 0 to 100, of the last round', labels: ['uid', 'hotkey'] },
  compute_validator_unscored: { kind: 'gauge', help: 'Miners whose score could not be computed in the last round' },
  compute_validator_weights_age_blocks: { kind: 'gauge', help: 'Blocks since weights of this hotkey were set or committed, as the chain has it' },
  compute_validator_weights_read_back_age_seconds: { kind: 'gauge', help: 'Since weights were last read back as they were sent' },
  compute_validator_store_errors_total: { kind: 'counter', help: 'Reads and writes of the local database that failed' },
} as const satisfies Record<string, Metric>

/** What each is now. A histogram is not here: it is fed as things happen. */
export function workSamples(v: Validator): Record<Exclude<keyof typeof WORK_METRICS, 'compute_validator_proof_seconds'>, () => Sample[]> {
  const chain = () => {
    const m = v.follow.view?.metagraph
    return m ? chainDataOf(m, v.hotkey) : null
  }
  const emission = () => chain()?.emission
  const readAt = () => v.cycles.status().confirmed?.readAt ?? null
  return {
    compute_validator_trust: () => maybe(chain()?.trust),
    compute_validator_incentive: () => maybe(chain()?.incentive),
    compute_validator_dividends: () => maybe(chain()?.dividends),
    compute_validator_emission: () => maybe(emission() === undefined ? null : Number(emission()) / 1e9),
    compute_validator_job_lag_blocks: () => v.jobs.map(({ name, lag }) => ({ value: lag, labels: { job: name } })),
    compute_validator_job_failing: () => v.jobs.map(({ name, trouble }) => ({ value: Number(trouble !== null), labels: { job: name } })),
    compute_validator_miners: () => Object.entries(v.queryable.counts).map(([filter, value]) => ({ value, labels: { filter } })),
    compute_validator_proofs_running: () => [{ value: v.proofs.now.size }],
    compute_validator_proof_total: () => [...v.proofs.outcomes].map(([result, value]) => ({ value, labels: { result } })),
    compute_validator_score: () => (v.scores.last?.rows ?? []).map(({ score, uid, hotkey }) => ({ value: score, labels: { uid: String(uid), hotkey } })),
    compute_validator_unscored: () => maybe(v.scores.last?.unscored),
    compute_validator_weights_age_blocks: () => maybe(chain()?.weights_age_blocks),
    compute_validator_weights_read_back_age_seconds: () => maybe(readAt() === null ? null : Math.max(0, v.clock.wallMs() - Number(readAt())) / 1000),
    compute_validator_store_errors_total: () => [{ value: v.storeErrors.count }],
  }
}
