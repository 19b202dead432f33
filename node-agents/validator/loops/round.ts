import { SCORE_STALE_MS } from '../../../schema/index.ts'
import { reason } from '../../core/mistake.ts'
import type { MinerView, Scored } from '../score/types.ts'
import type { Stat } from '../store/types.ts'

/** A miner whose score could not be computed. `kept`: its last one goes on to count. */
export type Unscored = { hotkey: string; error: unknown; kept: boolean }
export type RoundResult = { rows: Stat[]; unscored: Unscored[] }

export type RoundInput = {
  /** In the order of uids. */
  views: MinerView[]
  /** The stats of before, by hotkey. */
  before: ReadonlyMap<string, Stat>
  block: number
  nowMs: number
  score: (view: MinerView) => Scored
}

/**
 * Scores each miner apart. Pure. An exception makes no score: that miner keeps the one it has, as old as it is, until it is older than what
 * counts of another validator (three hours); then it has none, and says why.
 */
export function scoreAll({ views, before, block, nowMs, score }: RoundInput): RoundResult {
  const [rows, unscored]: [Stat[], Unscored[]] = [[], []]
  for (const view of views) {
    const { hotkey, uid } = view.neuron
    try {
      const { own, ...scored } = score(view)
      rows.push({ ...scored, hotkey, uid, ownScore: own, block, at: nowMs })
    } catch (error) {
      const row = instead(before.get(hotkey), uid, nowMs, reason(error))
      if (row) rows.push(row)
      unscored.push({ hotkey, error, kept: row !== null && row.at === before.get(hotkey)?.at && nowMs - row.at <= SCORE_STALE_MS })
    }
  }
  return { rows, unscored }
}

/** What stands for a score that could not be computed; null: there was none. */
function instead(last: Stat | undefined, uid: number, nowMs: number, why: string): Stat | null {
  if (!last) return null
  const since = new Date(last.at).toISOString()
  const note = (text: string) => ({ factors: last.factors.factors, note: text })
  if (nowMs - last.at <= SCORE_STALE_MS) return { ...last, uid, factors: note(`kept from ${since}: it could not be computed since (${why})`) }
  return { ...last, uid, score: 0, gpus: null, factors: note(`none: it could not be computed since ${since} (${why}), and a score so old counts for nothing`) }
}
