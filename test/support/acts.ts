import type { WishRun } from '../../schema/index.ts'
import { DriverError } from '../../node-agents/core/ports.ts'
import type { MinerWorld, Running } from './miner.ts'
import { until } from './until.ts'

/** For what comes after a cooldown of the agent (ms). */
export const LONG = 30_000

/** What the edge was ever told of an allocation, in order. */
export const facts = (world: MinerWorld, e: WishRun) => world.edge.reports.flatMap((r) => r.allocations).filter((f) => f.id === e.id)

/** Wishes it changed, and waits until the fact shows it. */
export async function ask(world: MinerWorld, entry: WishRun, change: Partial<WishRun>, phase: string): Promise<WishRun> {
  const next = { ...entry, generation: entry.generation + 1, ...change }
  world.edge.wish([next])
  await until(
    `${phase} as of generation ${next.generation}`,
    () => {
      const f = world.edge.fact(next.id)
      return f?.observed_generation === next.generation && f.phase === phase && f.restart_n >= next.restart_n && f.keys_n >= next.keys_n
    },
    LONG,
  )
  return next
}

/** Waits until the edge is told of a trouble. */
export const trouble = (world: MinerWorld, e: WishRun) => until('the failure', () => (world.edge.fact(e.id)?.error ? world.edge.fact(e.id) : undefined))

/** Holds the agent at an act, as a process that is killed there. */
export function holdAt(world: MinerWorld, act: string): { reached: Promise<void>; kill(agent: Running): Promise<void> } {
  const [reached, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  world.engine.beforeAct = async (a) => {
    if (a !== act) return
    reached.resolve()
    await cut.promise
    throw new DriverError('away', 'cut')
  }
  return {
    reached: reached.promise,
    async kill(agent) {
      const stopped = agent.stop()
      cut.resolve()
      await stopped
      world.engine.beforeAct = async () => undefined
    },
  }
}
