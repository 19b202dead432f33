import * as z from 'zod'
import type { Metagraph, Neuron } from '../../core/chain/types.ts'
import { Mistake } from '../../core/mistake.ts'
import type { Chain, Clock } from '../../core/ports.ts'
import type { Filtered, PeerNumber } from '../score/types.ts'
import type { Cycle, Penalty, Store } from '../store/types.ts'

/** What the operator's questions are answered from. */
export type Desk = {
  hotkey: string
  netuid: number
  chain: Pick<Chain, 'status' | 'weights' | 'weightMatrix'>
  clock: Clock
  store: Store
  /** Where the evidence of proofs lies. */
  bundles: string
  /** As of the last block that could be read; null: none yet. */
  metagraph(): Metagraph | null
  /** Everybody on the subnet after the filter, by hotkey. */
  filtered(m: Metagraph): ReadonlyMap<string, Filtered>
  /** Whether simulated cards count. */
  development(): boolean
  /** Numbers of other validators that count, by hotkey of the miner. */
  peers(m: Metagraph): Promise<Map<string, PeerNumber[]>>
  weights(): { dueBlock: number | null; trouble: string | null }
  /** Penalties changed: scores are computed anew, published, and become weights. */
  rescore(): void
}

export const iso = (ms: number) => new Date(ms).toISOString()
export const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms))

export const penaltyView = ({ reason, from, until }: Penalty) => ({ reason, from: iso(from), until: isoOrNull(until) })
/** The same of one that there may not be. */
export const penaltyIn = (p: Penalty | undefined) => (p ? penaltyView(p) : null)

/** @throws Mistake while the chain was never read */
export function subnetOf(desk: Desk): Metagraph {
  const m = desk.metagraph()
  if (m) return m
  throw new Mistake(`subnet ${desk.netuid} was not read from the chain yet; compute validator status says why, and what is missing`)
}

/** @throws Mistake when nobody of that hotkey or uid is on the subnet */
export function neuronOf({ netuid, neurons, block }: Metagraph, miner: string | number): Neuron {
  const found = neurons.find((n) => n.hotkey === miner || n.uid === miner)
  if (found) return found
  const what = typeof miner === 'number' ? `uid ${miner}` : `hotkey ${miner}`
  throw new Mistake(`${what} is not on subnet ${netuid} (block ${block.number}): compute validator miners shows who is`)
}

/** Where it says on chain that it can be reached; null: nowhere. */
export function addressOf({ axon }: Neuron): string | null {
  if (axon.ip === null) return null
  return `${axon.ip.includes(':') ? `[${axon.ip}]` : axon.ip}:${axon.port}`
}

/** What was sent to the socket. @throws Mistake in words about it */
export function input<T extends z.ZodType>(shape: T, body: unknown): z.output<T> {
  const read = shape.safeParse(body)
  if (read.success) return read.data
  throw new Mistake(z.prettifyError(read.error))
}

/** The newest cycle that is more than a plan nothing came of. `cycles`: newest first. */
export function newestOf(cycles: Cycle[]): Cycle | null {
  return cycles.find((c) => c.state !== 'dropped') ?? null
}
