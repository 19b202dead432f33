import { Mistake } from '../../core/mistake.ts'
import { VERSION } from '../../core/version.ts'
import type { Pardoned, Penalized, PenalizeInput } from './answers.ts'
import { type Desk, neuronOf, penaltyIn, penaltyView, subnetOf } from './desk.ts'

/**
 * Punishes a miner from now on. One that is punished already stays so since when it was, with the new reason and end.
 * @throws Mistake for whoever is not on the subnet, and for this validator itself
 */
export async function penalize(desk: Desk, { hotkey, reason, for_ms }: PenalizeInput): Promise<Penalized> {
  const { uid } = neuronOf(subnetOf(desk), hotkey)
  if (hotkey === desk.hotkey) throw new Mistake(`${hotkey} is this validator itself, which never has a score: there is nothing to take away`)
  const nowMs = desk.clock.wallMs()
  const before = (await desk.store.penalties(nowMs)).get(hotkey)
  const penalty = { hotkey, reason, from: before?.from ?? nowMs, until: for_ms === null ? null : nowMs + for_ms }
  await desk.store.penalize(penalty)
  desk.rescore()
  return { version: VERSION, hotkey, uid, now: penaltyView(penalty), before: penaltyIn(before) }
}

/**
 * Ends a penalty. That there is none is no failure.
 * @throws Mistake for a hotkey that is neither punished nor on the subnet: mistyped, most likely
 */
export async function pardon(desk: Desk, hotkey: string): Promise<Pardoned> {
  const before = (await desk.store.penalties(desk.clock.wallMs())).get(hotkey)
  const uid = desk.metagraph()?.neurons.find((n) => n.hotkey === hotkey)?.uid ?? null
  if (!before && uid === null) neuronOf(subnetOf(desk), hotkey)
  if (await desk.store.pardon(hotkey)) desk.rescore()
  return { version: VERSION, hotkey, uid, before: penaltyIn(before) }
}
