import { ChainError } from '../../core/chain/errors.ts'
import { firstReveal, revealRound } from '../../core/chain/epochs.ts'
import type { Receipt, WeightsCall } from '../../core/chain/types.ts'
import type { Hotkey } from '../../core/hotkey.ts'
import type { Chain } from '../../core/ports.ts'
import type { Cycle } from '../store/types.ts'

/** The pool or a block said no, and nothing was done; `later`: the same may work by itself. Or nobody knows what became of it. */
export type Outcome = { is: 'done'; receipt: Receipt & { round?: number; revealBlock?: number } } | { is: 'refused' | 'unknown'; error: ChainError }

/** The subnet takes weights in another way than when they were planned. */
export const OTHER_MODE = new Set(['CommitRevealEnabled', 'CommitRevealDisabled', 'IncorrectCommitRevealVersion'])
/** What was sent before may still come into a block. */
const OPEN = new Set(['Unknown', 'Dropped'])

/** @throws what is no ChainError: a fault of the program */
export async function send(chain: Chain, by: Hotkey, cycle: Cycle): Promise<Outcome> {
  return outcomeOf(async () => {
    const call = callOf(cycle)
    if (cycle.mode === 'plain') return chain.setWeights(by, call)
    return cycle.mode === 'timelocked' ? chain.commitTimelocked(by, call) : chain.commitWeights(by, call, saltOf(cycle))
  })
}

/** Of our own hash commitment. */
export async function reveal(chain: Chain, by: Hotkey, cycle: Cycle): Promise<Outcome> {
  return outcomeOf(() => chain.revealWeights(by, callOf(cycle), saltOf(cycle)))
}

/**
 * The block in which what was committed in `includedBlock` is revealed; for a hash the first one that takes our reveal.
 * @throws ChainError `NoEpochs`
 */
export async function revealBlockOf(chain: Chain, { netuid, mode, includedBlock }: Cycle): Promise<number> {
  const included = includedBlock ?? 0
  try {
    const before = await chain.hashAt(included - 1)
    if (before === null) throw new ChainError('UnknownBlock', 'connection', `The endpoint does not know block ${included} yet: it is asked again`, true)
    const state = await chain.epoch(netuid, before)
    const { revealBlock } = revealRound(state, 0, 1) // the round is not asked for: any time does
    return mode === 'hash' ? (firstReveal(state) ?? revealBlock) : revealBlock
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'StateDiscarded') throw error
    // Too long ago for this endpoint: no later than this.
    const { tempo, revealPeriodEpochs } = await chain.epoch(netuid)
    return included + (revealPeriodEpochs + 1) * tempo
  }
}

/** A connection that fails on the way leaves it open what became of it: an earlier signature may have been taken. */
async function outcomeOf(act: () => Promise<Receipt>): Promise<Outcome> {
  try {
    return { is: 'done', receipt: await act() }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    return { is: error.kind === 'connection' || OPEN.has(error.code) ? 'unknown' : 'refused', error }
  }
}

function callOf({ netuid, mechanism, uids, values, versionKey }: Cycle): WeightsCall {
  const key = Number(versionKey)
  if (!Number.isSafeInteger(key)) {
    const text = `The subnet asks for version key ${versionKey}, which no program can have: its owner has to lower it`
    throw new ChainError('IncorrectWeightVersionKey', 'request', text, false)
  }
  return { netuid, mechanism, uids, values, versionKey: key }
}

function saltOf({ id, salt }: Cycle): number[] {
  if (!salt) throw new Error(`cycle ${id} is a hash commitment without a salt`)
  return salt
}
