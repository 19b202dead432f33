import { penaltiesStatement, SCORE_STALE_MS, scoresStatement, VALIDATOR_STAKE_RAO, type ValidatorState, verifyBytes } from '../../../schema/index.ts'
import type { Metagraph } from '../../core/chain/types.ts'
import type { Peer } from '../store/types.ts'
import type { PeerNumber } from './types.ts'

/** How far ahead of ours another's clock may be. */
const AHEAD_MS = 120_000

export type Refused = { validator: string; why: string }

/**
 * What other validators published and really signed, out of what the edge passes on. A document of another subnet, from the future or not
 * signed by whom it names is refused and said; the rest of that validator stays. The clock is the edge's, which dated the answer.
 */
export function verifiedPeers(state: ValidatorState): { peers: Peer[]; refused: Refused[] } {
  const peers = new Map<string, Peer>()
  const refused: Refused[] = []
  const peer = (validator: string) => peers.get(validator) ?? { validator, scores: null, penalties: null }
  for (const doc of newestFirst(state.scores)) {
    const why = wrong(doc, scoresStatement(doc), state)
    if (why !== null) refused.push({ validator: doc.validator, why: `scores: ${why}` })
    else if (!peer(doc.validator).scores) peers.set(doc.validator, { ...peer(doc.validator), scores: doc })
  }
  for (const doc of newestFirst(state.penalties)) {
    const why = wrong(doc, penaltiesStatement(doc), state)
    if (why !== null) refused.push({ validator: doc.validator, why: `penalties: ${why}` })
    else if (!peer(doc.validator).penalties) peers.set(doc.validator, { ...peer(doc.validator), penalties: doc })
  }
  return { peers: [...peers.values()], refused }
}

const newestFirst = <T extends { at_ms: number }>(docs: readonly T[]) => [...docs].sort((a, b) => b.at_ms - a.at_ms)

type Signed = { netuid: number; validator: string; at_ms: number; signature: string }

function wrong(doc: Signed, statement: string, state: ValidatorState): string | null {
  if (doc.netuid !== state.netuid) return `of subnet ${doc.netuid}, and this is ${state.netuid}`
  if (doc.at_ms > state.at_ms + AHEAD_MS) return `dated ${Math.round((doc.at_ms - state.at_ms) / 1000)} s ahead`
  return verifyBytes(doc.validator, new TextEncoder().encode(statement), doc.signature) ? null : 'the signature does not hold'
}

/**
 * Which numbers of others count now, by the miner's hotkey: at most three hours old, proved by that validator itself, which the metagraph
 * shows with a permit and the stake of a validator. Nobody's number counts for itself, nor ours for us.
 */
export function peerNumbers(peers: readonly Peer[], metagraph: Metagraph, own: string, nowMs: number): Map<string, PeerNumber[]> {
  const stakes = new Map(metagraph.neurons.filter((n) => n.validatorPermit && n.totalStake >= VALIDATOR_STAKE_RAO).map((n) => [n.hotkey, n.totalStake]))
  const numbers = new Map<string, PeerNumber[]>()
  for (const { validator, scores } of peers) {
    const stake = stakes.get(validator)
    if (!scores || stake === undefined || validator === own || !timely(scores.at_ms, nowMs) || scores.netuid !== metagraph.netuid) continue
    for (const row of scores.scores) {
      if (!row.own || row.hotkey === validator) continue
      const number = { validator, stake, score: row.score, gpus: row.gpus, atMs: scores.at_ms }
      numbers.set(row.hotkey, [...(numbers.get(row.hotkey) ?? []), number])
    }
  }
  return numbers
}

const timely = (atMs: number, nowMs: number) => nowMs - atMs <= SCORE_STALE_MS && atMs <= nowMs + AHEAD_MS
