import { VALIDATOR_STAKE_RAO } from '../../schema/index.ts'
import type { Hyperparameters, Metagraph } from '../core/chain/types.ts'
import { inTao } from '../core/chain/amount.ts'

/**
 * What the subnet says of one hotkey. `waiting`: enough stake for a permit, which the chain gives at the end of an epoch.
 * `small`: a permit on chain, yet too little stake to count as a validator at the edge. Amounts are rao.
 */
export type Standing =
  | { is: 'no_subnet' }
  | { is: 'unregistered' }
  | { is: 'no_permit'; uid: number; stake: bigint; needs: bigint }
  | { is: 'waiting'; uid: number; stake: bigint }
  | { is: 'small'; uid: number; stake: bigint; needs: bigint }
  | { is: 'validator'; uid: number; stake: bigint }

type Limits = Pick<Hyperparameters, 'stakeThreshold' | 'maxValidators'>

/** Permits go to the hotkeys with the most total stake, so many as the subnet has room for, and to none below the threshold. */
function neededForPermit(m: Metagraph, limits: Limits): bigint {
  const permitted = m.neurons.filter((n) => n.validatorPermit).map((n) => n.totalStake)
  if (permitted.length < limits.maxValidators) return limits.stakeThreshold
  const least = permitted.reduce((a, b) => (a < b ? a : b), permitted[0] ?? 0n) + 1n
  return least > limits.stakeThreshold ? least : limits.stakeThreshold
}

/** Where a hotkey stands. Pure. @param m null: there is no such subnet */
export function standingOf(m: Metagraph | null, hotkey: string, limits: Limits): Standing {
  if (!m) return { is: 'no_subnet' }
  const own = m.neurons.find((n) => n.hotkey === hotkey)
  if (!own) return { is: 'unregistered' }
  const { uid, totalStake: stake } = own
  if (!own.validatorPermit) {
    const needs = neededForPermit(m, limits)
    return stake >= needs ? { is: 'waiting', uid, stake } : { is: 'no_permit', uid, stake, needs }
  }
  return stake < VALIDATOR_STAKE_RAO ? { is: 'small', uid, stake, needs: VALIDATOR_STAKE_RAO } : { is: 'validator', uid, stake }
}

/** In words, with what to do. */
export function standingText(s: Standing, hotkey: string, netuid: number): string {
  switch (s.is) {
    case 'no_subnet':
      return `the chain has no subnet ${netuid}: check --netuid and --chain`
    case 'unregistered':
      return `${hotkey} is not registered on subnet ${netuid}: btcli subnet register --netuid ${netuid}, with the wallet of this hotkey`
    case 'no_permit':
      return `uid ${s.uid}, no validator permit: total stake ${inTao(s.stake)}, needs ${inTao(s.needs)}: btcli stake add --netuid ${netuid}`
    case 'waiting':
      return `uid ${s.uid}, no validator permit yet: total stake ${inTao(s.stake)} is enough, and the chain gives permits when an epoch ends`
    case 'small':
      return `uid ${s.uid}, validator permit, but a miner for the edge: total stake ${inTao(s.stake)}, needs ${inTao(s.needs)}: btcli stake add --netuid ${netuid}`
    case 'validator':
      return `uid ${s.uid}, validator permit, total stake ${inTao(s.stake)}`
  }
}
