import type { Context } from '../types.ts'
import { get, ownerUid, uidOf } from './state.ts'

/** Fractions of a hotkey's stake that go to children or come from parents are of this. */
const WHOLE = 2n ** 64n - 1n
const ROOT = 0
/** Such parts are numbers with so many binary places (U96F32), rounded down. */
const PLACES = 32n
const fraction = (part: bigint) => (part << PLACES) / WHOLE

/** What a hotkey weighs on a subnet, in rao. `tao` is root stake before its weight is taken; permits and thresholds go by `total`. */
export type Stake = { alpha: bigint; tao: bigint; total: bigint }

/** Own stake less what children got, and what parents gave: own alpha, and root TAO by TaoWeight. Source: spec 425, staking/stake_utils.rs. */
export function stakeOf(ctx: Context, netuid: number, hotkey: string): Stake {
  const parents = get<[bigint, string][]>(ctx, 'ParentKeys', hotkey, netuid)
  const children = get<[bigint, string][]>(ctx, 'ChildKeys', hotkey, netuid)
  const inherited = (on: number) => {
    const own = get<bigint>(ctx, 'TotalHotkeyAlpha', hotkey, on)
    const given = children.reduce((sum, [part]) => sum + own * fraction(part), 0n)
    const taken = parents.reduce((sum, [part, parent]) => sum + get<bigint>(ctx, 'TotalHotkeyAlpha', parent, on) * fraction(part), 0n)
    const kept = (own << PLACES) - given
    return ((kept > 0n ? kept : 0n) + taken) >> PLACES
  }
  const alpha = inherited(netuid)
  const tao = inherited(ROOT)
  return { alpha, tao, total: alpha + ((tao * fraction(get<bigint>(ctx, 'TaoWeight'))) >> PLACES) }
}

/** Whether weights are taken from this hotkey. The owner's needs no stake. */
export function mayWeigh(ctx: Context, netuid: number, hotkey: string): boolean {
  const uid = uidOf(ctx, netuid, hotkey)
  if (uid !== null && uid === ownerUid(ctx, netuid)) return true
  return stakeOf(ctx, netuid, hotkey).total >= get<bigint>(ctx, 'StakeThreshold')
}
