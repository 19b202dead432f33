import { Freivalds } from '../../node-agents/core/proof/freivalds.ts'
import type { Random } from '../../node-agents/core/proof/random.ts'
import { checksPerGpu, drawSample, type Sample } from '../../node-agents/core/proof/sample.ts'
import { PINGS } from '../../node-agents/core/proof/session/limits.ts'
import type { Task } from '../../node-agents/core/proof/session/types.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import { fixedRandom } from '../support/pog.ts'

/** An H100 machine (K as for 80 GB). Times are those of the card; here they only bound how long a host may take. */
const SIZES: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }
export const TASK: Task = { gpus: 8, sizes: SIZES, chainMs: 60_000, sweepMs: 60_000 }
export const SEED = Buffer.alloc(32, 7)

/** The same draws in every session, so that a host can have ready what it will be asked for. */
export const draws = (): Random => fixedRandom(1)

/** All that a session draws: nonces in the order in which tips come, and then what each GPU is asked for. */
export function drawn(): { nonces: Uint8Array[]; samples: Sample[] } {
  const random = draws()
  for (let i = 0; i < PINGS; i++) random.bytes(8)
  const each = <T>(draw: () => T): T[] => Array.from({ length: TASK.gpus }, draw)
  const nonces = each(() => random.bytes(32))
  void new Freivalds(SEED, SIZES, random)
  return { nonces, samples: each(() => drawSample(SIZES, checksPerGpu(TASK.gpus), random)) }
}
