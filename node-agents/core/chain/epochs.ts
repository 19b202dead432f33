import { type Beacon, QUICKNET } from './drand.ts'
import { ChainError } from './errors.ts'
import type { EpochState } from './types.ts'

/**
 * When epochs run, and which beacon round opens a timelocked commit: the runtime's `should_run_epoch`, `run_coinbase` and
 * `reveal_crv3_commits`. Runtimes older than stateful epochs go by the block number alone. What nobody can know before: a block runs
 * only so many epochs (MaxEpochsPerBlock), so that one may come a block late.
 */

/** The runtime's MAX_TEMPO: after so many blocks without a step an epoch runs whatever the schedule says. */
const MAX_TEMPO = 50_400
/** Blocks between the reveal and the beacon round, so that the round is not known before. The SDKs' value. */
const REVEAL_MARGIN = 3

/** Null in both: the runtime is older than stateful epochs. */
type Stateful = EpochState & { lastEpochBlock: number; pendingEpochAt: number }

/** Whether an epoch is due at a block, going by the storage as it was before that block. */
export function shouldRun(state: EpochState, block: number): boolean {
  if (state.tempo === 0) return false
  if (!isStateful(state)) return (block + state.netuid + 1) % (state.tempo + 1) === 0
  const { pendingEpochAt, blocksSinceLastStep, lastEpochBlock, tempo } = state
  return (pendingEpochAt > 0 && block >= pendingEpochAt) || blocksSinceLastStep > MAX_TEMPO || block - lastEpochBlock >= tempo
}

/** The first block after `state.at` that runs an epoch; null: this subnet never does (tempo 0). */
export function nextEpoch(state: EpochState): number | null {
  if (state.tempo === 0) return null
  const soonest = state.at + 1
  if (!isStateful(state)) {
    const length = state.tempo + 1
    return soonest + ((length - ((soonest + state.netuid + 1) % length)) % length)
  }
  // A block counts itself as one without a step before it looks whether to run.
  const overdue = state.at + MAX_TEMPO + 1 - state.blocksSinceLastStep
  const scheduled = Math.min(state.lastEpochBlock + state.tempo, overdue, state.pendingEpochAt > 0 ? state.pendingEpochAt : Infinity)
  return Math.max(soonest, scheduled)
}

/** Blocks from `state.at` to the next epoch; null: never. */
export function blocksUntilEpoch(state: EpochState): number | null {
  const next = nextEpoch(state)
  return next === null ? null : next - state.at
}

/** The block that first tries to reveal what is committed in the block after `state.at`; null: none ever does. */
export function firstReveal(state: EpochState): number | null {
  if (state.tempo === 0) return null
  const commit = state.at + 1
  if (!isStateful(state)) {
    const length = state.tempo + 1
    const epoch = Math.floor((commit + state.netuid + 1) / length)
    return (epoch + state.revealPeriodEpochs) * length - (state.netuid + 1)
  }
  // A block runs its epoch before its transactions, so a commit in it belongs to the new one.
  const committed = nextEpoch(state) === commit ? ran(state, commit) : waited(state, commit)
  const before = afterEpochs(committed, state.revealPeriodEpochs - 1)
  const due = nextEpoch(before) ?? commit
  // A block reveals before it counts itself: the overdue rule may run its epoch and yet leave the reveal to the next block.
  return shouldRun(waited(before, due - 1), due) ? due : due + 1
}

/**
 * To which beacon round a commit in the next block is to be encrypted: known some blocks after its first reveal is due, never before.
 * @param nowS time now, seconds since 1970
 * @param blockS seconds from block to block
 * @throws ChainError where the subnet runs no epochs
 */
export function revealRound(state: EpochState, nowS: number, blockS: number, { genesisS, periodS }: Beacon = QUICKNET): { round: number; revealBlock: number } {
  const first = firstReveal(state)
  if (first === null)
    throw new ChainError(
      'NoEpochs',
      'request',
      `Subnet ${state.netuid} runs no epochs (tempo 0), so nothing committed is ever revealed: name another subnet`,
      false,
    )
  const revealBlock = first + REVEAL_MARGIN
  const round = Math.floor((nowS + (revealBlock - state.at) * blockS - genesisS) / periodS)
  return { round: Math.max(1, round), revealBlock }
}

function isStateful(state: EpochState): state is Stateful {
  return state.lastEpochBlock !== null && state.pendingEpochAt !== null
}

/** The state after a block that ran an epoch. */
function ran(state: Stateful, block: number): Stateful {
  return { ...state, at: block, lastEpochBlock: block, pendingEpochAt: 0, epochIndex: (state.epochIndex ?? 0) + 1, blocksSinceLastStep: 0 }
}

/** The state after blocks that ran none. */
function waited(state: Stateful, block: number): Stateful {
  return { ...state, at: block, blocksSinceLastStep: state.blocksSinceLastStep + block - state.at }
}

/** The state after so many epochs more. All but the first come at one distance. */
function afterEpochs(state: Stateful, epochs: number): Stateful {
  const first = nextEpoch(state)
  if (epochs === 0 || first === null) return state
  return ran(state, first + (epochs - 1) * Math.min(state.tempo, MAX_TEMPO + 1))
}
