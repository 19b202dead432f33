import type { Context, Value } from '../../types.ts'
import { exists, get } from '../state.ts'
import { View } from './view.ts'

type Pairs = [number, number][]
/** Lists of a subnet that a neuron has its place in, read once for all neurons. */
type Lists = ReturnType<typeof listsOf>

/** Every neuron, or one (null: no such uid); `lite`: without weights and bonds. Source: spec 425, rpc_info/neuron_info.rs. */
export function neurons(ctx: Context, netuid: number, lite: boolean): Value[] {
  if (!exists(ctx, netuid)) return []
  const view = new View(ctx, netuid)
  const lists = listsOf(view)
  return view.hotkeys.map((_, uid) => neuron(view, lists, uid, lite))
}

export function oneNeuron(ctx: Context, netuid: number, uid: number, lite: boolean): Value {
  if (!exists(ctx, netuid) || uid >= get<number>(ctx, 'SubnetworkN', netuid)) return null
  const view = new View(ctx, netuid)
  return neuron(view, listsOf(view), uid, lite)
}

function listsOf(view: View) {
  const numbers = (item: string) => view.get<number[]>(item, view.netuid)
  return {
    active: view.get<boolean[]>('Active', view.netuid),
    permit: view.get<boolean[]>('ValidatorPermit', view.netuid),
    emission: view.get<bigint[]>('Emission', view.netuid),
    update: view.get<bigint[]>('LastUpdate', view.index),
    incentive: view.get<number[]>('Incentive', view.index),
    consensus: numbers('Consensus'),
    trust: numbers('ValidatorTrust'),
    dividends: numbers('Dividends'),
  }
}

/** `stake` is the hotkey's alpha, under its coldkey's name. */
function neuron(view: View, lists: Lists, uid: number, lite: boolean): Record<string, Value> {
  const hotkey = view.hotkeys[uid] ?? ''
  const coldkey = view.get<string>('Owner', hotkey)
  const pairs = (item: string) => view.get<Pairs>(item, view.index, uid).filter(([, share]) => share > 0)
  return {
    hotkey,
    coldkey,
    uid,
    netuid: view.netuid,
    active: lists.active[uid] ?? false,
    axon_info: view.axon(hotkey),
    prometheus_info: view.prometheus(hotkey),
    stake: [[coldkey, view.get('TotalHotkeyAlpha', hotkey, view.netuid)]],
    rank: 0,
    emission: lists.emission[uid] ?? 0n,
    incentive: lists.incentive[uid] ?? 0,
    consensus: lists.consensus[uid] ?? 0,
    trust: 0,
    validator_trust: lists.trust[uid] ?? 0,
    dividends: lists.dividends[uid] ?? 0,
    last_update: lists.update[uid] ?? 0n,
    validator_permit: lists.permit[uid] ?? false,
    ...(lite ? {} : { weights: pairs('Weights'), bonds: pairs('Bonds') }),
    pruning_score: 65535,
  }
}
