import { type Snapshot, SNAPSHOT_EVERY, snapshot } from '../../schema/index.ts'
import type { Metagraph } from '../core/chain/types.ts'

/**
 * The subnet at one finalized block as the edge takes it. Pure: the same chain gives the same bytes to every honest validator.
 * Throws when the block is none that snapshots are of, or when the chain's answer is no roster (a gap, a hotkey twice).
 */
export function toSnapshot(m: Metagraph, genesis: string): Snapshot {
  return snapshot.parse({
    netuid: m.netuid,
    genesis,
    block: m.block.number,
    block_hash: m.block.hash,
    timestamp_ms: m.timestampMs,
    owner_hotkey: m.ownerHotkey,
    neurons: m.neurons.map(({ uid, hotkey, coldkey, validatorPermit, totalStake }) => ({
      uid,
      hotkey,
      coldkey,
      validator_permit: validatorPermit,
      total_stake: String(totalStake),
    })),
  })
}

/** What was posted last: kept across restarts. */
export type Posted = { genesis: string; block: number; hash: string }

/** What to do at a finalized block. `wrong`: this chain cannot be the one that was told of before; says why. */
export type Due = { do: 'wait' } | { do: 'post'; block: number } | { do: 'wrong'; why: string }

/** Only the newest multiple counts: what was missed in an outage changes nothing any more. The first block of a chain has no time. */
export function dueAt(finalized: number, genesis: string, posted: Posted | null): Due {
  const block = finalized - (finalized % SNAPSHOT_EVERY)
  if (posted && posted.genesis !== genesis)
    return { do: 'wrong', why: `its genesis is ${short(genesis)}, and the last snapshot was of a chain that began with ${short(posted.genesis)}` }
  if (posted && finalized < posted.block)
    return { do: 'wrong', why: `block ${finalized} is its last finalized one, and block ${posted.block} was finalized before` }
  if (block === 0 || (posted && block <= posted.block)) return { do: 'wait' }
  return { do: 'post', block }
}

/** A hash for people. Whole ones look like secrets to the log, which then hides them. */
export const short = (hash: string) => `${hash.slice(0, 12)}…`
