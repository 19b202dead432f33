import type { Metagraph, WeightRow } from '../../core/chain/types.ts'
import { VERSION } from '../../core/version.ts'
import type { Cycle } from '../store/types.ts'
import { MECHANISM } from '../weights/look.ts'
import type { WeightsAnswer } from './answers.ts'
import { type Desk, iso, isoOrNull, newestOf } from './desk.ts'
import { type Reading, readNow, sharesOf, wantedBy } from './onchain.ts'

const SHOWN = 10

/** Where the weights of this validator stand. @param matrix with the rows of all others */
export async function weightsOf(desk: Desk, matrix: boolean): Promise<WeightsAnswer> {
  const m = desk.metagraph()
  const uid = m?.neurons.find((n) => n.hotkey === desk.hotkey)?.uid ?? null
  const cycles = await desk.store.cycles(SHOWN)
  const last = newestOf(cycles)
  const rows = await rowsNow(desk, uid, matrix)
  const own = rows.value && (uid === null ? [] : (rows.value.get(uid) ?? []))
  const { dueBlock, trouble } = desk.weights()
  return {
    version: VERSION,
    hotkey: desk.hotkey,
    uid,
    block: m?.block.number ?? null,
    due_block: dueBlock,
    trouble,
    cycles: cycles.map(cycleView),
    rows: compared(last, own, m),
    of_cycle: last?.id ?? null,
    chain_trouble: rows.trouble,
    matrix: matrix && rows.value ? matrixOf(rows.value, m) : null,
  }
}

/** Rows of everybody, or only our own, as the chain has them now. */
function rowsNow(desk: Desk, uid: number | null, all: boolean): Promise<Reading<Map<number, WeightRow>>> {
  const { chain, netuid } = desk
  return readNow(desk, async () => {
    if (all) return chain.weightMatrix(netuid, MECHANISM)
    return new Map(uid === null ? [] : [[uid, await chain.weights(netuid, MECHANISM, uid)]])
  })
}

function compared(cycle: Cycle | null, found: WeightRow | null, m: Metagraph | null): WeightsAnswer['rows'] {
  const wanted = cycle ? wantedBy(cycle) : new Map<number, number>()
  const there = found && sharesOf(found)
  const planned = new Map(cycle?.uids.map((uid, i) => [uid, cycle.hotkeys[i]]))
  return [...new Set([...wanted.keys(), ...(there?.keys() ?? [])])]
    .sort((a, b) => a - b)
    .map((uid) => ({
      uid,
      hotkey: planned.get(uid) ?? m?.neurons[uid]?.hotkey ?? null,
      wanted: wanted.get(uid) ?? 0,
      found: there && (there.get(uid) ?? 0),
    }))
}

function matrixOf(rows: Map<number, WeightRow>, m: Metagraph | null): WeightsAnswer['matrix'] {
  return [...rows]
    .filter(([, weights]) => weights.length > 0)
    .sort(([a], [b]) => a - b)
    .map(([uid, weights]) => ({ uid, hotkey: m?.neurons[uid]?.hotkey ?? null, weights }))
}

function cycleView(c: Cycle): WeightsAnswer['cycles'][number] {
  return {
    id: c.id,
    mode: c.mode,
    state: c.state,
    uids: c.uids.length,
    planned_block: c.plannedBlock,
    included_block: c.includedBlock,
    reveal_block: c.revealBlock,
    read_block: c.readBlock,
    read_at: isoOrNull(c.readAt),
    attempts: c.attempts,
    reason: c.reason,
    at: iso(c.at),
  }
}
