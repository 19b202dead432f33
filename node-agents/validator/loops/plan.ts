import type { Clock } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import { standingText } from '../standing.ts'
import type { Store } from '../store/types.ts'
import type { Weights } from '../weights/types.ts'
import { weigh } from '../weights/weigh.ts'
import { FINISHED, lacking } from './evidence.ts'
import { NotYet } from './job.ts'
import type { Scores } from './scores.ts'

export type PlanDeps = { follow: Follow; scores: Scores; store: Pick<Store, 'progress'>; clock: Clock; burn: number; hotkey: string; netuid: number }

/** The weights as of now: scores first, then what the chain takes. `none` says why there are none. */
export async function planWeights({ follow, scores, store, clock, burn, hotkey, netuid }: PlanDeps): Promise<Weights | { none: string }> {
  const { view, trouble } = follow
  if (trouble !== null) return { none: `the subnet cannot be read: ${trouble}` }
  if (!view?.metagraph || !view.limits) return { none: 'the subnet was not read yet' }
  const { metagraph: m, limits, standing } = view
  const own = m.neurons.find((n) => n.hotkey === hotkey)
  if (!own?.validatorPermit) return { none: standingText(standing, hotkey, netuid) }
  try {
    const rows = await scores.round()
    const why = lacking(rows, (await store.progress()).get(FINISHED), clock.wallMs())
    if (why !== null) return { none: why }
    const stats = new Map(rows.map((row) => [row.hotkey, row.score]))
    const shares = m.neurons.flatMap(({ uid, hotkey: who }) => (stats.has(who) ? [{ uid, hotkey: who, score: stats.get(who) ?? 0 }] : []))
    const owner = m.neurons.find((n) => n.hotkey === m.ownerHotkey)
    return weigh({ shares, n: m.neurons.length, ownUid: own.uid, burn: { share: burn, uid: owner?.uid ?? null, hotkey: owner?.hotkey ?? null }, limits })
  } catch (error) {
    if (error instanceof NotYet) return { none: error.message }
    throw error
  }
}
