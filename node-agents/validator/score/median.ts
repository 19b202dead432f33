import { type Factor, SCORE_MAX } from '../../../schema/index.ts'
import { oneLine } from '../../core/text.ts'
import type { PeerNumber, Scored } from './types.ts'
import { hours } from './words.ts'

/** So many validators are named in a factor. */
const NAMED = 4

/** A score by others: the stake-weighted median, clamped. `peers`: at least one. */
export function byPeers(peers: readonly PeerNumber[], nowMs: number): Pick<Scored, 'gpus' | 'own'> & { factors: Factor[]; note: string | null } {
  const chosen = medianOf(peers)
  const oldest = Math.min(...peers.map((p) => p.atMs))
  const from = `stake-weighted median of ${peers.length} (${named(peers)}), the oldest ${hours(nowMs - oldest)}`
  const value = Math.min(SCORE_MAX, Math.max(0, chosen.score))
  return { factors: [{ name: 'peers', value, from }], gpus: chosen.gpus, own: false, note: 'no own proof: other validators decide' }
}

/** Those with most stake; more would fill a screen for every miner. */
function named(peers: readonly PeerNumber[]): string {
  const most = [...peers].sort((a, b) => (a.stake > b.stake ? -1 : 1)).slice(0, NAMED)
  const each = most.map((p) => `${oneLine(p.validator)} ${p.score}`).join(', ')
  return peers.length > NAMED ? `${each} and ${peers.length - NAMED} more` : each
}

/**
 * The number below and above which no more than half of the stake stands; of two such the lower. Among equal numbers the one with most stake.
 * @throws RangeError for a number that is none
 */
function medianOf(peers: readonly PeerNumber[]): PeerNumber {
  for (const { validator, score } of peers) if (!Number.isFinite(score)) throw new RangeError(`the number of ${validator} is ${score}`)
  const sorted = [...peers].sort((a, b) => a.score - b.score || (a.stake > b.stake ? -1 : 1))
  const total = sorted.reduce((sum, p) => sum + p.stake, 0n)
  let below = 0n
  for (const peer of sorted) {
    below += peer.stake
    if (below * 2n >= total) return sorted.find((p) => p.score === peer.score) ?? peer
  }
  throw new RangeError('there is no number of others')
}
