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
 * counts of another validator (three hours); then it has none, and says why. Nobody keeps one whom the filter leaves out or who is punished.
 */
export function scoreAll({ views, before, block, nowMs, score }: RoundInput): RoundResult {
  const [rows, unscored]: [Stat[], Unscored[]] = [[], []]
  for (const view of views) {
    const { hotkey, uid } = view.neuron
    try {
      const { own, ...scored } = score(view)
      rows.push({ ...scored, hotkey, uid, ownScore: own, block, at: nowMs })
    } catch (error) {
      const last = before.get(hotkey)
      const { row, kept } = last ? instead(last, view, nowMs, reason(error)) : NOTHING
      if (row) rows.push(row)
      unscored.push({ hotkey, error, kept })
    }
  }
  return { rows, unscored }
}

type Instead = { row: Stat | null; kept: boolean }
const NOTHING: Instead = { row: null, kept: false }

/** What stands for a score that could not be computed. A zero in its place is no proof's outcome, and not told to others as one. */
function instead(last: Stat, { neuron, filtered, penalty }: MinerView, nowMs: number, why: string): Instead {
  const since = new Date(last.at).toISOString()
  const row = { ...last, uid: neuron.uid }
  const note = (text: string) => ({ factors: last.factors.factors, note: text })
  const none = (text: string) => ({ row: { ...row, score: 0, gpus: null, ownScore: false, factors: note(`none: ${text}`) }, kept: false })
  const out = filtered.why ?? penalty?.reason ?? null
  if (out !== null) return none(`${out}; besides, it could not be computed since ${since} (${why})`)
  if (nowMs - last.at > SCORE_STALE_MS) return none(`it could not be computed since ${since} (${why}), and a score so old counts for nothing`)
  return { row: { ...row, factors: note(`kept from ${since}: it could not be computed since (${why})`) }, kept: true }
}
