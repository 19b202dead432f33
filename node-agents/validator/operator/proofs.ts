import type * as z from 'zod'
import { VERSION } from '../../core/version.ts'
import type { Proof } from '../store/types.ts'
import type { proofsInput, ProofsAnswer } from './answers.ts'
import { type Desk, iso, neuronOf, subnetOf } from './desk.ts'

/** What came of the newest proofs, of everybody or of one. @throws Mistake when that one is not on the subnet */
export async function proofsOf(desk: Desk, { miner, limit }: z.output<typeof proofsInput>): Promise<ProofsAnswer> {
  const all = await desk.store.proofs()
  const only = miner === null ? null : neuronOf(subnetOf(desk), miner).hotkey
  const uids = new Map(desk.metagraph()?.neurons.map((n) => [n.hotkey, n.uid]))
  const rows = only === null ? [...all.values()].flat() : (all.get(only) ?? [])
  const newest = rows.toSorted((a, b) => b.id - a.id).slice(0, limit)
  return { version: VERSION, folder: desk.bundles, proofs: newest.map((p) => proofView(p, uids.get(p.hotkey) ?? null)) }
}

function proofView({ at, block, hotkey, result, simulated, gpus, durationMs, reason, evidence }: Proof, uid: number | null): ProofsAnswer['proofs'][number] {
  return {
    at: iso(at),
    block,
    uid,
    hotkey,
    result,
    simulated,
    gpus: gpus.map((g) => g.model),
    duration_ms: durationMs,
    text: reason ?? evidence?.text ?? '',
    measured: evidence?.measured ?? null,
    confidence: evidence?.confidence ?? null,
    runner_up: evidence?.runnerUp ?? null,
    flags: evidence?.flags ?? [],
    lost: evidence?.lost ?? [],
    bundle: evidence?.bundle ?? null,
  }
}
