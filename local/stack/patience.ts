import { setTimeout as sleep } from 'node:timers/promises'
import { askAgent } from '../../node-agents/core/ask.ts'
import { Mistake } from '../../node-agents/core/mistake.ts'
import { weightsAnswer, type WeightsAnswer } from '../../node-agents/validator/operator/answers.ts'
import type { Forward } from './forward.ts'

const SHOWN_MS = 90_000
const POLL_MS = 250
/** Blocks ahead at a time, and how many are left to the first setting of weights: scores are to be there before it. */
const [STEP, MARGIN] = [10, 20]

/** The validator of a stack, and what it is to look at. */
export type Watched = {
  chainUrl: string
  netuid: number
  /** State directory of the validator. */
  state: string
  miners: string[]
  /** Where to look when nothing comes. */
  log: string
}

type Look<T> = { done: T } | { missing: string }

/**
 * Looks again and again; an agent that does not answer yet is as good as one that has nothing. Rejects with a Mistake that says what is
 * missing when it takes too long.
 */
export async function patiently<T>(log: string, look: () => Promise<Look<T>>): Promise<T> {
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

/** Once all miners are announced on the chain, it goes on faster, so that the validator looks at them soon; not so far that weights are due. */
export async function hasten(chain: Forward, { state, miners }: Watched): Promise<void> {
  const { block, cycles, due_block: due } = await askAgent(state, 'GET', '/weights', weightsAnswer)
  if (block === null) return
  const isEarly = due === null || block + MARGIN < due
  if (isEarly && !isSending(cycles[0]) && chain.isSeen(block) && (await chain.areAnnounced(miners))) await chain.to(block + STEP)
}

/** A cycle of weights is left alone then: a transaction is good for a few blocks only. */
export function isSending(newest: WeightsAnswer['cycles'][number] | undefined): boolean {
  return newest !== undefined && ['planned', 'sending', 'revealing'].includes(newest.state)
}
