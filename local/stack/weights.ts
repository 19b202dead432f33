import { setTimeout as sleep } from 'node:timers/promises'
import { askAgent } from '../../node-agents/core/ask.ts'
import { Mistake } from '../../node-agents/core/mistake.ts'
import { minersAnswer, type MinersAnswer, weightsAnswer, type WeightsAnswer } from '../../node-agents/validator/operator/answers.ts'
import { Forward } from './forward.ts'

const SHOWN_MS = 90_000
const POLL_MS = 250
/** Blocks ahead at a time, and how many are left to the first setting of weights: scores are to be there before it. */
const [STEP, MARGIN] = [10, 20]

export type Weighed = {
  chainUrl: string
  netuid: number
  /** State directory of the validator. */
  state: string
  miners: string[]
  /** Where to look when nothing comes. */
  log: string
}

export type Scored = MinersAnswer['miners'][number]
/** Weights as the chain shows them: the block they were read back at, and the uids that have some. */
export type Shown = { block: number; uids: number[] }

/**
 * Waits until the validator has a score for each of these miners. Once all are announced on the chain, it goes on faster, so that the
 * validator looks at them soon. Rejects with a Mistake that says what is missing. @returns them by uid
 */
export async function scoresOf({ chainUrl, netuid, state, miners, log }: Weighed): Promise<Scored[]> {
  const chain = new Forward(chainUrl, netuid)
  return patiently(log, async () => {
    const answer = await askAgent(state, 'GET', '/miners', minersAnswer)
    const ours = answer.miners.filter((m) => miners.includes(m.hotkey))
    const without = miners.filter((hotkey) => !ours.some((m) => m.hotkey === hotkey && (m.score ?? 0) > 0))
    if (without.length === 0) return { done: ours }
    const { cycles, due_block: due } = await askAgent(state, 'GET', '/weights', weightsAnswer)
    const isEarly = due === null || answer.block + MARGIN < due
    if (isEarly && !isSending(cycles[0]) && chain.isSeen(answer.block) && (await chain.areAnnounced(miners))) await chain.to(answer.block + STEP)
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
export async function weightsOf({ chainUrl, netuid, state, miners, log }: Weighed): Promise<Shown> {
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

/** It is left alone then: a transaction is good for a few blocks only. */
function isSending(newest: WeightsAnswer['cycles'][number] | undefined): boolean {
  return newest !== undefined && ['planned', 'sending', 'revealing'].includes(newest.state)
}

/** The block at which something happens to the weights that is worth not waiting for; null: none is known. Pure. */
export function nextBlock({ due_block: due, cycles: [newest] }: Pick<WeightsAnswer, 'due_block' | 'cycles'>): number | null {
  if (isSending(newest)) return null
  return newest?.state === 'included' ? newest.reveal_block && newest.reveal_block + 1 : due
}

type Look<T> = { done: T } | { missing: string }

/** Looks again and again; an agent that does not answer yet is as good as one that has nothing. */
async function patiently<T>(log: string, look: () => Promise<Look<T>>): Promise<T> {
  const deadline = Date.now() + SHOWN_MS
  for (;;) {
    const seen = await look().catch(missing)
    if ('done' in seen) return seen.done
    if (Date.now() > deadline) throw new Mistake(`after ${SHOWN_MS / 1000} s ${seen.missing.trim()}; see ${log}`)
    await sleep(POLL_MS)
  }
}

function missing(error: unknown): { missing: string } {
  if (error instanceof Mistake) return { missing: error.message }
  throw error
}
