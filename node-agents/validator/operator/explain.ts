import { VERSION } from '../../core/version.ts'
import type { Neuron } from '../../core/chain/types.ts'
import type { PeerNumber } from '../score/types.ts'
import type { Proof, Spec, Stat } from '../store/types.ts'
import type { ExplainAnswer } from './answers.ts'
import { addressOf, type Desk, iso, neuronOf, newestOf, penaltyIn, subnetOf } from './desk.ts'
import { readNow, sharesOf, wantedBy } from './onchain.ts'

/** Everything that is known of one miner, and what became of it. @throws Mistake when it is not on the subnet */
export async function explanationOf(desk: Desk, miner: string | number): Promise<ExplainAnswer> {
  const m = subnetOf(desk)
  const neuron = neuronOf(m, miner)
  const { store, clock } = desk
  const nowMs = clock.wallMs()
  const filtered = desk.filtered(m).find((f) => f.uid === neuron.uid)
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
    proofs: (proofs.get(neuron.hotkey) ?? []).map((p) => proofView(p, spec, nowMs)),
    liveness: liveness.get(neuron.hotkey) ?? { attempts: 0, successes: 0 },
    penalty: penaltyIn(penalties.get(neuron.hotkey)),
    peers: (peers.get(neuron.hotkey) ?? []).map(peerView),
    weight,
  }
}

async function weightOf(desk: Desk, { uid, hotkey }: Neuron, ownUid: number | null): Promise<ExplainAnswer['weight']> {
  const { chain, netuid, store } = desk
  const [cycles, row] = await Promise.all([store.cycles(10), readNow(desk, async () => (ownUid === null ? [] : chain.weights(netuid, 0, ownUid)))])
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

function proofView(p: Proof, spec: Spec | undefined, nowMs: number): ExplainAnswer['proofs'][number] {
  const known = new Map(spec?.miner.gpus.map((g) => [g.uuid, g.rented_ms]))
  const { at, block, result, reason, simulated, durationMs, gpus } = p
  const cards = gpus.map(({ uuid, model, rentedMs }) => {
    const total = known.get(uuid)
    const rented = total === undefined ? null : Math.max(0, total - rentedMs)
    return { uuid, model, rented_ms: rented, unrented_ms: rented === null ? null : Math.max(0, nowMs - at - rented) }
  })
  return { at: iso(at), block, result, reason, simulated, duration_ms: durationMs, cards }
}

function peerView({ validator, stake, score, gpus, atMs }: PeerNumber): ExplainAnswer['peers'][number] {
  return { validator, stake: String(stake), score, gpus, at: iso(atMs) }
}
