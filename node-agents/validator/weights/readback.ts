import type { WeightRow } from '../../core/chain/types.ts'
import { compareWeights } from '../../core/chain/weights.ts'
import type { Cycle } from '../store/types.ts'
import type { Compared, ReadBack } from './types.ts'

/** How many uids a reason names. */
const NAMED = 3

type Sent = Pick<Cycle, 'uids' | 'hotkeys' | 'values'>

/**
 * What stands on chain beside what was sent, per uid in shares of the sum. The chain takes the weight off a uid that becomes somebody else:
 * such uids are left out of `same`, and told.
 * @param hotkeys by uid, of the same block as the row
 * @returns the comparison and, for people, what is not as sent (empty: all is)
 */
export function readBack(sent: Sent, row: WeightRow, hotkeys: string[], block: number): { read: ReadBack; found: string } {
  const gone = new Set(sent.uids.filter((uid, i) => hotkeys[uid] !== sent.hotkeys[i]))
  const stay = sent.uids.flatMap((uid, i) => (gone.has(uid) ? [] : [{ uid, value: sent.values[i] ?? 0 }]))
  const differ = compareWeights(
    { uids: stay.map(({ uid }) => uid), values: stay.map(({ value }) => value) },
    row.filter(([uid]) => !gone.has(uid)),
  )
  const rows = rowsOf(sent, row, hotkeys)
  const left = [...gone].map((uid) => `uid ${uid} is somebody else now`)
  const others = rows.filter(({ uid }) => differ.includes(uid)).map(({ uid, wanted, found }) => `uid ${uid}: ${percent(wanted)} sent, ${percent(found)} found`)
  return { read: { block, same: differ.length === 0 && stay.length > 0, rows }, found: [...some(others), ...some(left)].join('; ') }
}

function rowsOf({ uids, hotkeys: then, values }: Sent, row: WeightRow, hotkeys: string[]): Compared[] {
  const wanted = shares(uids.map((uid, i) => [uid, values[i] ?? 0]))
  const found = shares(row)
  const all = [...new Set([...uids, ...found.keys()])].sort((a, b) => a - b)
  return all.map((uid) => ({ uid, hotkey: then[uids.indexOf(uid)] ?? hotkeys[uid] ?? '', wanted: wanted.get(uid) ?? 0, found: found.get(uid) ?? 0 }))
}

/** Of the sum, without zeros. */
function shares(row: WeightRow): Map<number, number> {
  const sum = row.reduce((all, [, value]) => all + value, 0)
  return new Map(row.filter(([, value]) => value > 0).map(([uid, value]) => [uid, value / sum]))
}

function some(texts: string[]): string[] {
  return texts.length <= NAMED ? texts : [...texts.slice(0, NAMED), `and ${texts.length - NAMED} more`]
}

const percent = (share: number) => `${(share * 100).toFixed(3)} %`
