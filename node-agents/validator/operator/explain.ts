import { VERSION } from '../../core/version.ts'
import type { Neuron } from '../../core/chain/types.ts'
import { type CardProof, valid } from '../score/economics.ts'
import type { PeerNumber } from '../score/types.ts'
import type { Proof, Spec, Stat } from '../store/types.ts'
import { MECHANISM } from '../weights/look.ts'
import type { ExplainAnswer } from './answers.ts'
import { addressOf, type Desk, iso, neuronOf, newestOf, penaltyIn, subnetOf } from './desk.ts'
import { readNow, sharesOf, wantedBy } from './onchain.ts'

/** Everything that is known of one miner, and what became of it. @throws Mistake when it is not on the subnet */
export async function explanationOf(desk: Desk, miner: string | number): Promise<ExplainAnswer> {
  const m = subnetOf(desk)
  const neuron = neuronOf(m, miner)
  const { store, clock } = desk
  const nowMs = clock.wallMs()
  const filtered = desk.filtered(m).get(neuron.hotkey)
  const [stats, specs, proofs, liveness, penalties, peers, weight] = await Promise.all([
    store.stats(),
    store.specs(),
    store.proofs(),
    store.liveness(),
    store.penalties(nowMs),
    desk.peers(m),
    weightOf(desk, neuron, m.neurons.find((n) => n.hotkey === desk.hotkey)?.uid ?? null),
  ])
  const spec = specs.get(neuron.hotkey)
  const known = proofs.get(neuron.hotkey) ?? []
  return {
    version: VERSION,
    block: m.block.number,
    at: iso(nowMs),
    uid: neuron.uid,
    hotkey: neuron.hotkey,
    coldkey: neuron.coldkey,
    address: addressOf(neuron),
    excluded: filtered?.excluded ?? null,
    why: filtered?.why ?? null,
    shares: filtered?.shares ?? [],
    stat: statView(stats.get(neuron.hotkey)),
    edge: edgeView(spec),
    proofs: known.map(proofView),
    ...cardsOf(known, spec, { nowMs, development: desk.development() }),
    liveness: liveness.get(neuron.hotkey) ?? { attempts: 0, successes: 0 },
    penalty: penaltyIn(penalties.get(neuron.hotkey)),
    peers: (peers.get(neuron.hotkey) ?? []).map(peerView),
    weight,
  }
}

async function weightOf(desk: Desk, { uid, hotkey }: Neuron, ownUid: number | null): Promise<ExplainAnswer['weight']> {
  const { chain, netuid, store } = desk
  const [cycles, row] = await Promise.all([store.cycles(10), readNow(desk, async () => (ownUid === null ? [] : chain.weights(netuid, MECHANISM, ownUid)))])
  const cycle = newestOf(cycles)
  // Who had this uid when the cycle was planned may be gone: its weight is not this miner's.
  const same = cycle !== null && (cycle.hotkeys[cycle.uids.indexOf(uid)] ?? hotkey) === hotkey
  return {
    cycle: cycle && { id: cycle.id, state: cycle.state, reason: cycle.reason },
    wanted: same ? (wantedBy(cycle).get(uid) ?? 0) : null,
    found: row.value && (sharesOf(row.value).get(uid) ?? 0),
    trouble: row.trouble,
  }
}

function statView(s: Stat | undefined): ExplainAnswer['stat'] {
  if (!s) return null
  const { score, gpus, ownScore: own, reliability, allocated, factors, block, at } = s
  return { score, gpus, own, reliability, allocated, factors: factors.factors, note: factors.note, block, at: iso(at) }
}

function edgeView(spec: Spec | undefined): ExplainAnswer['edge'] {
  if (!spec) return null
  const { online, available, version, simulated, gpus } = spec.miner
  return { online, available, version, simulated, gpus: gpus.map(({ model, rented }) => ({ model, rented })), asked_at: iso(spec.at) }
}

function proofView({ at, block, result, reason, simulated, durationMs, gpus }: Proof): ExplainAnswer['proofs'][number] {
  return { at: iso(at), block, result, reason, simulated, duration_ms: durationMs, gpus: gpus.map((g) => g.model) }
}

/** How old the proof of each card is. A record that makes no sense is told: whoever asks wants to see the rest. */
function cardsOf(proofs: Proof[], spec: Spec | undefined, at: { nowMs: number; development: boolean }): Pick<ExplainAnswer, 'cards' | 'cards_trouble'> {
  try {
    const { cards } = valid(proofs, spec?.miner ?? null, at)
    return { cards: cards.map(cardView), cards_trouble: null }
  } catch (error) {
    if (error instanceof RangeError) return { cards: [], cards_trouble: error.message }
    throw error
  }
}

function cardView({ uuid, model, atMs, wallMs, unrentedMs, lapse }: CardProof): ExplainAnswer['cards'][number] {
  return { uuid, model, proved_at: iso(atMs), age_ms: wallMs, unrented_ms: unrentedMs, lapse }
}

function peerView({ validator, stake, score, gpus, atMs }: PeerNumber): ExplainAnswer['peers'][number] {
  return { validator, stake: String(stake), score, gpus, at: iso(atMs) }
}
