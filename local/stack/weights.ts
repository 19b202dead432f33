import { askAgent } from '../../node-agents/core/ask.ts'
import { minersAnswer, type MinersAnswer, weightsAnswer, type WeightsAnswer } from '../../node-agents/validator/operator/answers.ts'
import { Forward } from './forward.ts'
import { hasten, isSending, patiently, type Watched } from './patience.ts'

export type Scored = MinersAnswer['miners'][number]
/** Weights as the chain shows them: the block they were read back at, and the uids that have some. */
export type Shown = { block: number; uids: number[] }

/**
 * Waits until the validator has a score for each of these miners, and lets the chain go on faster meanwhile. Rejects with a Mistake that says what is missing. @returns them by uid
 */
export async function scoresOf(watched: Watched): Promise<Scored[]> {
  const { chainUrl, netuid, state, miners, log } = watched
  const chain = new Forward(chainUrl, netuid)
  return patiently(log, async () => {
    const answer = await askAgent(state, 'GET', '/miners', minersAnswer)
    const ours = answer.miners.filter((m) => miners.includes(m.hotkey))
    const without = miners.filter((hotkey) => !ours.some((m) => m.hotkey === hotkey && (m.score ?? 0) > 0))
    if (without.length === 0) return { done: ours }
    await hasten(chain, watched)
    const why = (hotkey: string) => ours.find((m) => m.hotkey === hotkey)
    return { missing: `no score of ${without.map((h) => told(h, why(h))).join(', ')}` }
  })
}

const told = (hotkey: string, m: Scored | undefined) => `${hotkey}${m?.why || m?.note ? ` (${m.why ?? m.note})` : ''}`

/**
 * Waits until the validator has read back that the chain shows weights for each of these miners. The chain goes on at once to where
 * something happens: to the block in which weights are due, and to the one that reveals what was committed.
 * Rejects with a Mistake that says what is missing.
 */
export async function weightsOf({ chainUrl, netuid, state, miners, log }: Watched): Promise<Shown> {
  const chain = new Forward(chainUrl, netuid)
  return patiently(log, async () => {
    const answer = await askAgent(state, 'GET', '/weights', weightsAnswer)
    const shown = shownIn(answer, miners)
    if (shown) return { done: shown }
    const next = nextBlock(answer)
    if (next !== null && chain.isSeen(answer.block)) {
      await chain.pulses()
      await chain.to(next)
    }
    const [newest] = answer.cycles
    return { missing: `the chain shows no weights for all miners; the last ones are ${newest?.state ?? 'not there'} ${newest?.reason ?? ''}` }
  })
}

/** Null: not what is wanted yet. Pure. */
export function shownIn({ cycles, rows }: Pick<WeightsAnswer, 'cycles' | 'rows'>, miners: string[]): Shown | null {
  const confirmed = cycles.find((cycle) => cycle.state === 'confirmed') // the next one may be under way already
  if (!confirmed || confirmed.read_block === null) return null
  const weighed = rows.filter((row) => (row.found ?? 0) > 0)
  const all = miners.every((hotkey) => weighed.some((row) => row.hotkey === hotkey))
  // Others than those that were confirmed: weights that are there and were not read back yet.
  return all && weighed.length === confirmed.uids ? { block: confirmed.read_block, uids: weighed.map((row) => row.uid) } : null
}

/** The block at which something happens to the weights that is worth not waiting for; null: none is known. Pure. */
export function nextBlock({ due_block: due, cycles: [newest] }: Pick<WeightsAnswer, 'due_block' | 'cycles'>): number | null {
  if (isSending(newest)) return null
  return newest?.state === 'included' ? newest.reveal_block && newest.reveal_block + 1 : due
}
