import { type Card, cardNamed, type Catalog } from '../../catalog.ts'
import { Mistake } from '../../mistake.ts'
import { identify } from '../identify/identify.ts'
import { measure } from '../identify/measure.ts'
import { sizesFor } from '../identify/task.ts'
import type { Claim } from '../identify/types.ts'
import { CREDIT } from '../session/limits.ts'
import type { Sizes } from '../sizes.ts'
import type { Verdict } from '../verdict.ts'
import type { Stamps } from './replay.ts'
import type { End, Finding, Header, GpuResult, Report } from './types.ts'

/** Stamps are rounded to the microsecond. */
const ROUNDING_MS = 0.01
/** The clock of a part may start before its line is noted, when this machine is busy. */
const BUSY_MS = 5000

/** The arithmetic as it came out again. @param by who chose what to look at; null: nobody knows */
export function arithmetic({ result, text }: Verdict, by: string | null): Report['arithmetic'] {
  if (result === 'passed') return { result, text: `${text}, wherever ${by ?? 'whoever made this file'} chose to look` }
  if (result === 'mismatch') return { result, text }
  return { result: 'incomplete', text: `not all of it is there, so nothing is proved: ${text}` }
}

/** What times there are, and who vouches for them. @param by whose signature holds; null: there is none */
export function timing(end: End, stamps: Stamps[], by: string | null): Report['timing'] {
  const wrong = end.times.map((t) => timeFault(t, stamps)).find((fault) => fault !== null)
  if (wrong) return { result: 'wrong', text: `wrong: ${wrong}` }
  const said = end.times.map((t) => `GPU ${t.gpu} ${t.chainMs.toFixed(1)} and ${t.sweepMs.toFixed(1)} ms`).join(', ') || 'no times'
  if (by === null) return { result: 'nobody', text: `attested by nobody, so it may be invented: ${said}` }
  return { result: 'attested', text: `attested by ${by}, whose signature holds: ${said}` }
}

function timeFault(time: Stamps, stamps: Stamps[]): string | null {
  const lines = stamps.find(({ gpu }) => gpu === time.gpu)
  if (!lines) return `there are times of GPU ${time.gpu}, which did not get through both parts`
  for (const part of ['chainMs', 'sweepMs'] as const) {
    const least = (1 - CREDIT) * lines[part] - ROUNDING_MS
    if (!(time[part] >= least && time[part] <= lines[part] + BUSY_MS))
      return `GPU ${time.gpu} is said to have taken ${time[part]} ms, and its lines say ${lines[part]}`
  }
  return null
}

/** Whether what it concludes follows from what is in it. */
export function conclusion(end: End, again: Verdict, asked: Header, catalog: Catalog): Finding<'follows' | 'wrong'> {
  const wrong = verdictFault(end, again) ?? endFault(end, again) ?? identityFault(end, asked, catalog)
  if (wrong !== null) return { result: 'wrong', text: `wrong: ${wrong}` }
  const other = end.catalog === catalog.dated ? '' : ` (by a catalogue of ${end.catalog}; here is that of ${catalog.dated})`
  return { result: 'follows', text: `${end.identity ? `${end.identity.result}: ${end.identity.text}` : `nothing was identified: ${end.text}`}${other}` }
}

function verdictFault({ verdict }: End, again: Verdict): string | null {
  // What broke off may have been called by another name; what is exact may not.
  const exact = (result: string) => (result === 'passed' || result === 'mismatch' ? result : 'incomplete')
  if (exact(verdict.result) !== exact(again.result)) return `it says "${verdict.text}", and checked again: ${again.text}`
  const found = new Set(again.gpus.map((v) => placeOf({ gpu: v.gpu, result: v.result, mismatch: v.result === 'mismatch' ? v.mismatch : null })))
  // It may say less: a session ends with the first mismatch.
  const other = verdict.gpus.find((v) => exact(v.result) !== 'incomplete' && !found.has(placeOf(v)))
  return other ? `it says that GPU ${other.gpu} ${other.result === 'passed' ? 'passed' : 'did not pass, and where'}, and checked again it is otherwise` : null
}

/** As text in one order of fields, whoever wrote them. */
function placeOf({ gpu, result, mismatch }: GpuResult): string {
  return JSON.stringify([gpu, result, mismatch && [mismatch.check, Object.entries(mismatch.at).sort()]])
}

function endFault({ ended, identity }: End, again: Verdict): string | null {
  if (ended === 'complete' && again.result !== 'passed' && again.result !== 'mismatch') return 'it is said to be complete, and is not'
  if (identity && again.result !== 'passed') return `it identifies a ${identity.model ?? 'card'}, and its arithmetic did not pass`
  return null
}

function identityFault({ identity, times, claim, catalog: dated }: End, { sizes, gpus }: Header, catalog: Catalog): string | null {
  if (!identity) return null
  if (claim.count !== gpus) return `it identifies ${claim.count} GPUs, and ${gpus} were asked`
  const timed = new Set(times.map(({ gpu }) => gpu)).size
  if (timed !== gpus || times.length !== gpus) return `it identifies ${gpus} GPUs by ${times.length} times of ${timed}`
  if (times.some((t) => t.chainMs <= 0 || t.sweepMs <= 0)) return 'it identifies GPUs that took no time'
  const measured = measure(times, sizes)
  if (JSON.stringify(Object.entries(measured).sort()) !== JSON.stringify(Object.entries(identity.measured).sort()))
    return 'what is said to be measured is not what its times give'
  // Of another catalogue it cannot be said what followed.
  if (dated !== catalog.dated) return null
  if (!isAskedAs(sizes, claim, catalog)) return 'it was asked in other sizes than such a claim is, which may be easier'
  const again = identify(measured, claim, catalog)
  if (again.result === identity.result && again.model === identity.model) return null
  return `it says ${identity.result} ${identity.model ?? ''}, and the catalogue of ${catalog.dated} says ${again.result}: ${again.text}`
}

/** Whether a real card was asked for all that its name says: in smaller sizes it could answer without the work. */
function isAskedAs(sizes: Sizes, claim: Claim, catalog: Catalog): boolean {
  const card = cardNamed(catalog, claim.model)
  if (!card || claim.simulated) return true
  const wanted = sizesOf(card, claim)
  return wanted !== null && (Object.keys(wanted) as (keyof Sizes)[]).every((name) => wanted[name] === sizes[name])
}

/** Null: so many cannot be proved in one session. */
function sizesOf(card: Card, claim: Claim): Sizes | null {
  try {
    return sizesFor(card, claim).sizes
  } catch (error) {
    if (error instanceof Mistake) return null
    throw error
  }
}
