import type { Block } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import type { Chain, Clock } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Progress, Store } from '../store/types.ts'
import type { WeightCycles } from '../weights/cycles.ts'
import type { Announce } from './announce.ts'
import { chainDataOf, chainDataText } from './chain-data.ts'
import { type Blocks, Job, type JobSpec } from './job.ts'
import type { Market } from './market.ts'
import type { Proofs } from './proofs.ts'
import type { Purge } from './purge.ts'
import type { Queryable } from './queryable.ts'
import type { Scores } from './scores.ts'

/** Blocks from one run to the next: the original's. */
export const EVERY = { status: 25, filter: 50, weights: 100, specs: 150, proofs: 360 } as const

export type Parts = {
  chain: Pick<Chain, 'status' | 'onHead'>
  follow: Follow
  store: Pick<Store, 'keepProgress'>
  hotkey: string
  clock: Clock
  log: Log
  purge: Purge
  queryable: Queryable
  market: Market
  scores: Scores
  cycles: WeightCycles
  proofs: Proofs
  /** Null: nothing is announced. */
  announce: Announce | null
}

/** Everything that is done every so many blocks. @param progress how far each got before the agent ended */
export function jobsOf(p: Parts, progress: ReadonlyMap<string, Progress>): Job[] {
  const looks: Blocks = { now: () => p.follow.block, listen: (heard) => p.follow.onView(heard) }
  const heads: Blocks = { now: () => p.chain.status().head, listen: (heard) => p.chain.onHead(heard) }
  const { store, clock, log, proofs, announce } = p
  const make = (spec: JobSpec, blocks = looks) => new Job({ blocks, store, clock, log }, spec)
  const kept = (name: string) => progress.get(name) ?? null
  const atStart = (name: keyof typeof EVERY, work: JobSpec['work']) => make({ name, every: EVERY[name], work, kept: kept(name), atStart: true })
  return [
    make({ name: 'metagraph', every: 1, work: () => p.purge.step() }),
    atStart('filter', async () => void (p.follow.view?.metagraph && p.queryable.look(p.follow.view.metagraph))),
    atStart('status', async () => sayHow(p)),
    ...(announce ? [make({ name: 'announce', every: EVERY.status, work: (block) => announce.step(block), kept: kept('announce'), atStart: true })] : []),
    atStart('specs', async (_, signal) => {
      await p.market.fetch(signal)
      await p.scores.round()
    }),
    make({ name: 'proofs', every: EVERY.proofs, work: (block, signal) => proofs.round(block, signal), kept: kept('proofs') }),
    make({ name: 'released', every: EVERY.status, work: (block, signal) => proofs.due(block, signal), kept: kept('released') }),
    make({ name: 'weights', every: 1, work: (_: Block, signal) => p.cycles.step(signal) }, heads), // its own rows say how far it is
  ]
}

/** One line for people about how this validator stands on chain. */
function sayHow({ follow, hotkey, cycles, log }: Parts): void {
  const m = follow.view?.metagraph
  const data = m && chainDataOf(m, hotkey)
  if (data) log.info({ ...data, next_weights: cycles.status().dueBlock }, chainDataText(data))
}
