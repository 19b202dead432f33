import { count, list, pair } from './plain.ts'
import type { WeightRow } from './types.ts'
import { netuidIndex } from './weights.ts'
import type { Link } from './wire.ts'

const row = list(pair(count, count))

/** What one uid gives to others; empty: nothing. */
export async function readWeights(link: Link, netuid: number, mechanism: number, uid: number, at: string | undefined): Promise<WeightRow> {
  return row(await link.read('SubtensorModule.Weights', [netuidIndex(netuid, mechanism), uid], at), 'Weights')
}

/** The rows of all uids that set weights, ascending by uid. */
export async function readWeightMatrix(link: Link, netuid: number, mechanism: number, at: string | undefined): Promise<Map<number, WeightRow>> {
  const entries = await link.entries('SubtensorModule.Weights', [netuidIndex(netuid, mechanism)], at)
  const rows = entries.map(([keys, value]): [number, WeightRow] => [count(keys.at(-1), 'key of Weights'), row(value, 'Weights')])
  return new Map(rows.filter(([, weights]) => weights.length > 0).sort(([a], [b]) => a - b))
}

/** Block of the last weights set or committed; 0: never, as the chain itself takes a uid beyond the stored list. */
export async function readLastUpdate(link: Link, netuid: number, mechanism: number, uid: number, at: string | undefined): Promise<number> {
  const updates = list(count)(await link.read('SubtensorModule.LastUpdate', [netuidIndex(netuid, mechanism)], at), 'LastUpdate')
  return updates[uid] ?? 0
}
