import { ChainError } from '../../core/chain/errors.ts'
import type { Hyperparameters } from '../../core/chain/types.ts'
import { BLOCK_MS, DEFAULTS } from '../../core/chain/limits.ts'
import { ERA_BLOCKS } from '../../core/chain/pool.ts'
import { checkLimits } from '../../core/chain/weights.ts'
import type { Cycle } from '../store/types.ts'
import type { Look } from './look.ts'
import type { ReadBack } from './types.ts'

/**
 * What comes next in setting weights, from what the chain says alone: what this process remembers of having sent something may be gone, the
 * chain is not.
 */

/**
 * From the first signature until nothing of it can come into a block any more: what signs may do so anew for `submitMs`, and each signature is
 * good for an era.
 */
export const LIFE_BLOCKS = ERA_BLOCKS + Math.ceil(DEFAULTS.submitMs / BLOCK_MS)
/** Weights planned so many blocks ago are planned anew. */
const STALE_BLOCKS = 25
/** While nothing is expected the chain is asked so often, in blocks. */
export const IDLE_BLOCKS = 5
/** A reveal that nothing came of is sent again after so many blocks: of two the chain takes only one, so none has to be dead before. */
const REVEAL_AGAIN = 5
/** Blocks after the epoch of a reveal in which it may still come, as epochs run late when several are due. */
const REVEAL_SLACK = 10
/** A head so many blocks before the plan is of no endpoint that lags: the chain began anew, or is another one. */
const ANEW = 300

export type Change = Partial<Omit<Cycle, 'id'>>
export type Step =
  | { do: 'wait'; /** Block. */ until: number }
  | { do: 'change'; change: Change }
  | { do: 'send' | 'reveal'; deadBlock: number }
  /** Find out in which block a commitment is revealed. */
  | { do: 'schedule' }
  | { do: 'read'; at: 'best' | 'final' }

export const isOver = ({ state }: Pick<Cycle, 'state'>): boolean => !['planned', 'sending', 'included', 'revealing'].includes(state)

export function modeOf({ commitRevealEnabled, commitRevealVersion }: Hyperparameters): Cycle['mode'] {
  if (!commitRevealEnabled) return 'plain'
  return commitRevealVersion === 4 ? 'timelocked' : 'hash'
}

/**
 * The block from which weights are due. Those that never came to be are due as soon as the chain takes new ones; a refusal that no waiting
 * cures is tried again at the next usual time.
 */
export function dueBlock({ head, lastUpdate, limits }: Look, newest: Cycle | null, every: number): number {
  const usual = Math.max(every, limits.weightsRateLimit, 1)
  if (newest?.state === 'refused' && newest.plannedBlock <= head.number) return Math.max(lastUpdate, newest.plannedBlock) + usual
  const early = newest !== null && ['lost', 'different', 'dropped'].includes(newest.state)
  return lastUpdate + (early ? Math.max(limits.weightsRateLimit, 1) : usual)
}

/** Why this hotkey sets no weights now; null: it may. */
export function barred({ own }: Look): string | null {
  if (!own) return 'this hotkey is not registered on the subnet'
  return own.validatorPermit ? null : `uid ${own.uid} has no validator permit`
}

/** Whose weights stand on chain after the last of ours, for people; null: nobody's. @param rows newest first */
export function strange(rows: readonly Cycle[], { own, lastUpdate }: Look): string | null {
  const last = rows.find(({ includedBlock }) => includedBlock !== null)
  if (!own || !last || lastUpdate <= (last.includedBlock ?? 0) || own.registeredAt > last.plannedBlock) return null
  return `weights of this hotkey were set in block ${lastUpdate}, and not by this validator: does another one run with the same hotkey, or was this state restored from a copy?`
}

export function decide(cycle: Cycle, seen: Look): Step {
  if (seen.head.number < cycle.plannedBlock - ANEW)
    return end('lost', `they were planned in block ${cycle.plannedBlock}, far ahead of block ${seen.head.number}: this chain began anew, or is another one`)
  switch (cycle.state) {
    case 'planned':
      return ofPlanned(cycle, seen)
    case 'sending':
      return ofSending(cycle, seen)
    case 'included':
      return ofIncluded(cycle, seen)
    case 'revealing':
      return leftIf(cycle, seen) ?? (seen.finalized.number < (cycle.revealBlock ?? 0) ? soon(seen) : { do: 'read', at: 'final' })
    default:
      throw new Error(`cycle ${cycle.id} is over: ${cycle.state}`)
  }
}

/** What tells whether a row that was read is there because of this cycle. */
export type Trace = {
  /** It is the row of the weights before; null: which those were is not known. */
  unchanged: boolean | null
  /** The chain told of the reveal. */
  revealed: boolean
}

/**
 * What a read-back of the finalized block means. A commitment to the weights that stand there already is confirmed when its reveal was seen;
 * when there was time enough and it was not seen, that is said.
 * @param found what is not as sent, for people
 */
export function judge(cycle: Cycle, { same }: ReadBack, found: string, seen: Look, { unchanged, revealed }: Trace): Step {
  if (same && (cycle.mode === 'plain' || revealed || unchanged === false)) return end('confirmed', found || null)
  if (cycle.mode === 'plain') return end('different', found)
  const { number } = seen.finalized
  const late = number > (cycle.revealBlock ?? 0) + seen.limits.tempo + REVEAL_SLACK
  if (same && late) return end('confirmed', `no reveal of this commitment was seen: these weights may have been there before${found && `; ${found}`}`)
  if (cycle.state === 'revealing' && number > (cycle.deadBlock ?? 0)) return { do: 'change', change: { state: 'included', deadBlock: null } }
  if (!late) return soon(seen)
  return unchanged ? end('lost', 'the commitment was never revealed: the weights are those from before') : end('different', found)
}

function ofPlanned(cycle: Cycle, seen: Look): Step {
  const { head, lastUpdate, limits } = seen
  if (cycle.attempts > 0 && isTaken(cycle, seen)) return taken(seen)
  const why = barred(seen) ?? outdated(cycle, seen)
  if (why !== null) return end('dropped', why)
  const allowed = lastUpdate + limits.weightsRateLimit
  if (head.number < allowed) return { do: 'wait', until: allowed }
  return { do: 'send', deadBlock: head.number + LIFE_BLOCKS }
}

/** Why what was planned is no longer what should be sent. */
function outdated(cycle: Cycle, seen: Look): string | null {
  const { head, hotkeys, limits, lastUpdate } = seen
  const moved = cycle.uids.find((uid, i) => hotkeys[uid] !== cycle.hotkeys[i])
  if (moved !== undefined) return `uid ${moved} is somebody else now`
  const mode = modeOf(limits)
  if (mode !== cycle.mode) return `the subnet takes ${mode} weights now, not ${cycle.mode} ones`
  if (lastUpdate >= cycle.plannedBlock && lastUpdate > 0) return `weights were set in block ${lastUpdate}, after these were planned`
  const beyond = overLimits(cycle, seen)
  if (beyond !== null) return beyond
  return head.number > cycle.plannedBlock + STALE_BLOCKS ? `planned in block ${cycle.plannedBlock}, too long ago` : null
}

/** What the subnet's owner changed after the plan, so that the chain would refuse these weights and takes others. */
function overLimits({ uids, values, versionKey }: Cycle, { hotkeys, limits, own }: Look): string | null {
  if (limits.weightsVersionKey > BigInt(versionKey)) return `the subnet asks for version key ${limits.weightsVersionKey} now`
  try {
    checkLimits({ uids, values }, { ...limits, neurons: hotkeys.length, ownUid: own?.uid ?? null })
    return null
  } catch (error) {
    if (error instanceof ChainError) return error.message
    throw error
  }
}

function ofSending(cycle: Cycle, seen: Look): Step {
  const { own, finalized } = seen
  if (own && isNew(cycle, seen)) return end('lost', 'this hotkey was registered anew')
  if (isTaken(cycle, seen)) return taken(seen)
  const dead = cycle.deadBlock ?? 0
  return finalized.number > dead ? end('lost', `no block up to ${dead} took it`) : soon(seen)
}

/** One process sets weights of one hotkey: what came since these were planned are these. */
function isTaken(cycle: Cycle, { own, lastUpdate }: Look): boolean {
  return own !== null && lastUpdate >= cycle.plannedBlock
}

const taken = ({ lastUpdate }: Look): Step => ({ do: 'change', change: { state: 'included', includedBlock: lastUpdate, revealBlock: null, reason: null } })

function ofIncluded(cycle: Cycle, seen: Look): Step {
  const { head, finalized, lastUpdate } = seen
  const included = cycle.includedBlock ?? 0
  if (head.number < included) return soon(seen)
  const left = leftIf(cycle, seen)
  if (left) return left
  const nowhere = { includedBlock: null, revealBlock: null, readBlock: null, readAt: null }
  if (lastUpdate < cycle.plannedBlock) return { do: 'change', change: { ...nowhere, state: 'sending', reason: `block ${included} was replaced` } }
  if (lastUpdate !== included) return { do: 'change', change: { ...nowhere, includedBlock: lastUpdate } }
  if (cycle.mode !== 'plain') return ofCommitted(cycle, seen)
  if (finalized.number >= included) return { do: 'read', at: 'final' }
  return cycle.readBlock === null ? { do: 'read', at: 'best' } : soon(seen)
}

function ofCommitted({ mode, revealBlock }: Cycle, seen: Look): Step {
  const { head, finalized, limits } = seen
  if (limits.tempo === 0) return end('lost', 'the subnet runs no epochs any more, so nothing is revealed')
  if (revealBlock === null) return { do: 'schedule' }
  if (head.number < revealBlock) return { do: 'wait', until: Math.min(revealBlock, head.number + IDLE_BLOCKS) }
  if (mode === 'timelocked') return finalized.number < revealBlock ? soon(seen) : { do: 'read', at: 'final' }
  if (head.number >= revealBlock + limits.tempo) return end('lost', `it was to be revealed from block ${revealBlock} on, and that epoch is over`)
  return { do: 'reveal', deadBlock: head.number + REVEAL_AGAIN }
}

/** Who leaves the subnet loses the weights it set. */
function leftIf(cycle: Cycle, seen: Look): Step | null {
  return !seen.own || isNew(cycle, seen) ? end('lost', 'this hotkey left the subnet, and with it its weights') : null
}

/** Registration moves the block of the last weights too. */
function isNew(cycle: Cycle, { own }: Look): boolean {
  return own !== null && own.registeredAt > cycle.plannedBlock
}

const soon = ({ head }: Look): Step => ({ do: 'wait', until: head.number + 1 })
const end = (state: Cycle['state'], reason: string | null): Step => ({ do: 'change', change: { state, reason } })
