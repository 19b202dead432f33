import type { Context, Value } from '../../types.ts'
import { exists, get, subnets } from '../state.ts'
import { fieldsOf } from './metagraph.ts'
import { View } from './view.ts'

const SHARED =
  'rho kappa immunity_period min_allowed_weights max_weights_limit tempo min_difficulty max_difficulty weights_version weights_rate_limit ' +
  'adjustment_interval activity_cutoff registration_allowed target_regs_per_interval min_burn max_burn bonds_moving_avg max_regs_per_block ' +
  'serving_rate_limit max_validators adjustment_alpha difficulty commit_reveal_period commit_reveal_weights_enabled alpha_high alpha_low ' +
  'liquid_alpha_enabled'
const STATE =
  'netuid hotkeys coldkeys active validator_permit pruning_score last_update emission dividends incentives consensus trust rank ' +
  'block_at_registration alpha_stake tao_stake total_stake'

/** Source: spec 425, rpc_info/subnet_info.rs. */
export function hyperparameters(ctx: Context, netuid: number): Value {
  return exists(ctx, netuid) ? fieldsOf(new View(ctx, netuid), SHARED.split(' ')) : null
}

/** With what was added later. The steepness has 32 bits behind its point. */
export function hyperparametersV2(ctx: Context, netuid: number): Value {
  if (!exists(ctx, netuid)) return null
  return {
    ...fieldsOf(new View(ctx, netuid), SHARED.split(' ')),
    alpha_sigmoid_steepness: { bits: BigInt(get<number>(ctx, 'AlphaSigmoidSteepness', netuid)) << 32n },
    yuma_version: get<boolean>(ctx, 'Yuma3On', netuid) ? 3 : 2,
    subnet_is_active: get(ctx, 'SubtokenEnabled', netuid),
    transfers_enabled: get(ctx, 'TransferToggle', netuid),
    bonds_reset_enabled: get(ctx, 'BondsResetOn', netuid),
    user_liquidity_enabled: false,
  }
}

/** Source: spec 425, rpc_info/show_subnet.rs. */
export function subnetState(ctx: Context, netuid: number): Value {
  if (!exists(ctx, netuid)) return null
  const view = new View(ctx, netuid)
  const history = subnets(ctx).map((on) => view.hotkeys.map((hotkey) => view.get('LastHotkeyEmissionOnNetuid', hotkey, on)))
  return { ...fieldsOf(view, STATE.split(' ')), emission_history: history }
}
