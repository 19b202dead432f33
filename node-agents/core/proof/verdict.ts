/**
 * Which check did not hold:
 * - `tip`, `swept`: the hash that stopped the clock of the chain or of the sweep is not that of the commitment;
 * - `row`, `group`, `path`: an opened row is not the one that was committed (opening.ts);
 * - `chain`: an entry does not follow from the state before;
 * - `lane`: an opened row of U is not the one that was committed; `start`: it is, but does not come of the nonce;
 * - `sweep`: an entry of U does not follow from the step before.
 */
export type Check = 'tip' | 'row' | 'group' | 'path' | 'chain' | 'lane' | 'start' | 'sweep' | 'swept'

/** Where: an entry or row of state S_state, or of U_step. */
export type Place = { state: number; row?: number; column?: number } | { step: number; lane: number; column?: number }

/** Exact, so never a matter of rounding: either the work was not done, or the GPU makes errors. */
export type Mismatch = { gpu: number; check: Check; at: Place }

export type GpuVerdict =
  | { gpu: number; result: 'passed'; chain: number; sweep: number }
  | { gpu: number; result: 'mismatch'; mismatch: Mismatch }
  | { gpu: number; result: 'malformed'; reason: string }
  /** Nothing is wrong so far, but not all came: a deadline or a broken connection, as the session knows. */
  | { gpu: number; result: 'unfinished'; checked: number; asked: number }

export type Verdict = {
  /** The worst of all GPUs. */
  result: GpuVerdict['result']
  gpus: GpuVerdict[]
  /** What is wrong with the stream as a whole: a line that belongs to no GPU. */
  fault: string | null
  /** One sentence. */
  text: string
}

const WORST_FIRST = ['mismatch', 'malformed', 'unfinished', 'passed'] as const

/** One verdict over all GPUs of a machine. A mismatch outweighs what else came: it stays exact. */
export function judge(gpus: GpuVerdict[], fault: string | null): Verdict {
  const results = new Set<string>(gpus.map(({ result }) => result))
  if (fault !== null) results.add('malformed')
  const result = WORST_FIRST.find((r) => results.has(r)) ?? 'unfinished'
  const first = gpus.find((v) => v.result === result)
  return { result, gpus, fault, text: first && result !== 'passed' ? describe(first) : (fault ?? `all ${gpus.length} GPUs passed`) }
}

/** A verdict on one GPU as a sentence. */
export function describe(verdict: GpuVerdict): string {
  const { gpu, result } = verdict
  if (result === 'passed') return `GPU ${gpu}: ${verdict.chain} entries of the chain and ${verdict.sweep} of the sweep hold`
  if (result === 'malformed') return `GPU ${gpu}: ${verdict.reason}`
  if (result === 'unfinished') return `GPU ${gpu}: ${verdict.checked} of ${verdict.asked} openings came`
  return `GPU ${gpu}: ${PLACES[verdict.mismatch.check](verdict.mismatch.at)}`
}

const where = (at: Place): string =>
  ('state' in at ? `row ${at.row ?? '?'} of state ${at.state}` : `lane ${at.lane} of step ${at.step}`) +
  (at.column === undefined ? '' : `, column ${at.column},`)

const PLACES: Record<Check, (at: Place) => string> = {
  tip: () => 'the hash that stopped the clock of the chain is not that of its roots',
  swept: () => 'the hash that stopped the clock of the sweep is not that of its root',
  row: (at) => `${where(at)} is not the row of its digest`,
  group: (at) => `the digests around ${where(at)} are not those of their leaf`,
  path: (at) => `${where(at)} is not under the root that was committed`,
  chain: (at) => `${where(at)} does not follow from the state before`,
  lane: (at) => `${where(at)} is not under the root that was committed`,
  start: (at) => `${where(at)} does not come of the nonce`,
  sweep: (at) => `${where(at)} does not follow from the step before`,
}
