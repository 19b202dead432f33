import type { Card } from '../../catalog.ts'
import { Mistake } from '../../mistake.ts'
import { openingBytes, TOTAL_LIMIT } from '../lines.ts'
import type { Task } from '../session/types.ts'
import { checkSizes, MAX, type Sizes } from '../sizes.ts'
import { gatesOf } from './gates.ts'
import { chainOps, sweepBytes } from './measure.ts'
import { askedMib, SHAPES, STATES_PER_STEP, statesFor } from './memory.ts'
import type { Claim } from './types.ts'

const LANES = 8
/** How often the sweep reads all states: at least so often that who keeps some elsewhere is seen to fetch them. */
const MIN_PASSES = 20
/** The sweep is to last so long, that the way there and back weighs little, unless U grew too large. Seconds. */
const SWEEP_S = 1.5
/** All rows of U stay on the GPU. Bytes. */
const MAX_U = 3 * 2 ** 27
/** Of what a script may send, for what surrounds the openings. */
const WIRE = 0.9 * TOTAL_LIMIT

/** Said cards on a CPU: seconds even without any library, and all checks of the real thing. */
const SIMULATED: Sizes = { n: 64, K: 8, w: 4, f: 4, lanes: LANES, r: STATES_PER_STEP, Q: 40 }
/** A bound on each timed part of a simulated card: nobody is measured by it. */
const SIMULATED_MS = 30_000

/**
 * What is asked of a host that claims such cards: matrices as large as allowed, as many states as fill the memory of the claimed model,
 * and how long the slowest that may pass takes.
 * @throws Mistake when so many GPUs, or so little memory, cannot be proved in one session
 */
export function sizesFor(card: Card, claim: Claim): Task {
  const mib = askedMib(card, claim.vramMb)
  const sizes = SHAPES.map((shape) => sizesIn(shape, mib, card)).find((s) => s !== null && openingBytes(s, claim.count) <= WIRE)
  if (!sizes) throw new Mistake(`${claim.count} × ${card.name} with ${Math.floor(mib)} MiB each cannot be proved in one session: ${LIMITS}`)
  checkSizes(sizes)
  const least = gatesOf(card)
  const chainMs = (chainOps(sizes) / (least.tops * 1e12)) * 1000
  return { gpus: claim.count, sizes, chainMs, sweepMs: (sweepBytes(sizes) / (least.gbs * 1e9)) * 1000 }
}

const LIMITS = `memory of 4 to 400 GB, and openings of all GPUs within ${TOTAL_LIMIT / 2 ** 20} MiB; fewer cards under one hotkey can be proved`

/** For cards that are only said to be there. */
export function simulatedTask(gpus: number): Task {
  return { gpus, sizes: SIMULATED, chainMs: SIMULATED_MS, sweepMs: SIMULATED_MS }
}

function sizesIn({ n, w, f }: (typeof SHAPES)[number], mib: number, card: Card): Sizes | null {
  const [r, lanes] = [STATES_PER_STEP, LANES]
  const K = statesFor(mib, n)
  if (K === null) return null
  const least = (MIN_PASSES * K) / r
  const wanted = Math.ceil((SWEEP_S * card.expected.gbs * 1e9) / (r * n ** 2))
  const Q = Math.max(least, Math.min(wanted, Math.floor(MAX_U / (lanes * n)) - 1))
  return Q <= MAX.Q ? { n, K, w, f, lanes, r, Q } : null
}
