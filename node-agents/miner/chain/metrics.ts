import { maybe, type Metric, type Sample } from '../../core/metrics.ts'
import { KINDS } from '../../core/chain/announce.ts'
import { type ChainView, isAnnounced } from './view.ts'

export const CHAIN_METRICS = {
  compute_miner_chain_up: { kind: 'gauge', help: '1 while an endpoint of the chain answers; without a chain this one and the next are absent' },
  compute_miner_chain_head: { kind: 'gauge', help: 'Best block' },
  compute_miner_chain_head_age_seconds: { kind: 'gauge', help: 'Since that block was heard of' },
  compute_miner_chain_registered: { kind: 'gauge', help: '1 while the hotkey is registered on the subnet' },
  compute_miner_chain_uid: { kind: 'gauge', help: 'Its uid there' },
  compute_miner_chain_announced: { kind: 'gauge', help: '1 while the chain shows what this agent announces', labels: ['kind'] },
  compute_miner_chain_emission_rao: { kind: 'gauge', help: 'Alpha (1e-9) earned over the last tempo' },
  compute_miner_chain_incentive_ratio: { kind: 'gauge', help: 'Incentive of the hotkey, 0 to 1' },
  compute_miner_chain_consensus_ratio: {
    kind: 'gauge',
    help: 'Weight that validators agree on for the hotkey, 0 to 1; the chain keeps no trust of miners any more',
  },
  compute_miner_chain_dividends_ratio: { kind: 'gauge', help: 'Dividends of the hotkey, 0 to 1: a miner that also validates has some' },
  compute_miner_chain_stake_rao: { kind: 'gauge', help: 'Alpha and TAO (1e-9) on the hotkey, as permits count them' },
} as const satisfies Record<string, Metric>

/** What each is now. @param view null: without a chain */
export function chainSamples(view: () => ChainView | null): Record<keyof typeof CHAIN_METRICS, () => Sample[]> {
  const one = (pick: (v: ChainView) => number | boolean | null | undefined) => () => {
    const v = view()
    const value = v && pick(v)
    return maybe(typeof value === 'boolean' ? Number(value) : value)
  }
  return {
    compute_miner_chain_up: one((v) => v.endpoint !== null),
    compute_miner_chain_head: one((v) => v.head),
    compute_miner_chain_head_age_seconds: one((v) => v.head_age_s),
    compute_miner_chain_registered: one((v) => v.registered),
    compute_miner_chain_uid: one((v) => v.uid),
    compute_miner_chain_announced: () => {
      const v = view()
      return v?.registered ? KINDS.map((kind) => ({ value: Number(isAnnounced(v.announced[kind])), labels: { kind } })) : []
    },
    compute_miner_chain_emission_rao: one((v) => v.earns && Number(v.earns.rao_per_tempo)),
    compute_miner_chain_incentive_ratio: one((v) => v.earns?.incentive),
    compute_miner_chain_consensus_ratio: one((v) => v.earns?.consensus),
    compute_miner_chain_dividends_ratio: one((v) => v.earns?.dividends),
    compute_miner_chain_stake_rao: one((v) => v.earns && Number(v.earns.stake_rao)),
  }
}
