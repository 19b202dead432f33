import * as z from 'zod'
import { statement } from '../../../../schema/statement.ts'
import { oneLine } from '../../text.ts'
import { Malformed } from '../fault.ts'
import { PHASES, type Heard } from '../session/types.ts'
import { MAX_GPUS } from '../sizes.ts'
import type { End, Header, Outcome, Seal } from './types.ts'

/**
 * A bundle is text, a line each:
 *   compute proof bundle 1
 *   header {…}               what was asked, and of what the seed is made
 *   > 0.412 {…}              what the validator sent, and when (ms after go)
 *   < 2391.07 {…}            what the host sent, as it came
 *   end {…}                  what came of it
 *   seal {…}                 SHA-256 of all bytes before this line, signed
 */
export const MAGIC = 'compute proof bundle 1'

const MOST = 2000
/** The last moment that there is. */
const LAST_MS = 8.64e15

const digest = z.string().regex(/^[0-9a-f]{64}$/)
/** Whoever shows it need not fear for the terminal. */
const plain = (most: number) =>
  z
    .string()
    .max(most)
    .refine((said) => oneLine(said) === said)
const text = plain(MOST)
const name = plain(300)
const count = z.int().nonnegative()
const ms = z.number().finite()
const hex = z.string().regex(/^([0-9a-f]{2}){1,256}$/)

const sizes = z.strictObject({ n: count, K: count, w: count, f: count, lanes: count, r: count, Q: count })
const pulse = z.strictObject({ round: z.int().positive(), randomness: hex, signature: hex })
const seed = z.strictObject({ fresh: digest, pulse: pulse.nullable(), validator: name, miner: name, hostKey: name, round: name })
const header = z.strictObject({ v: z.literal(1), seed, sizes, gpus: z.int().min(1).max(MAX_GPUS), goAtMs: z.number().min(0).max(LAST_MS), by: name.nullable() })

const place = z.union([
  z.strictObject({ state: count, row: count.exactOptional(), column: count.exactOptional() }),
  z.strictObject({ step: count, lane: count, column: count.exactOptional() }),
])
const check = z.enum(['tip', 'row', 'group', 'path', 'chain', 'lane', 'start', 'sweep', 'swept'])
const result = z.enum(['passed', 'mismatch', 'malformed', 'unfinished'])
const judged = z.strictObject({ gpu: count, result, mismatch: z.strictObject({ check, at: place }).nullable() })
const measured = z.strictObject({ tops: ms, gbs: ms, vram_gb: ms })
const identity = z.strictObject({
  result: z.enum(['proven', 'paid_down', 'refused', 'simulated']),
  model: name.nullable(),
  measured,
  confidence: z.number().nullable(),
  runnerUp: name.nullable(),
  flags: z.array(text).max(16),
  text,
})
const end = z.strictObject({
  ended: z.enum(['complete', 'timeout', 'broken', 'refused', 'malformed']),
  phase: z.enum(PHASES),
  text,
  verdict: z.strictObject({ result, text, gpus: z.array(judged).max(MAX_GPUS) }),
  times: z.array(z.strictObject({ gpu: count, chainMs: ms, sweepMs: ms })).max(MAX_GPUS),
  rttMs: ms.nullable(),
  claim: z.strictObject({ model: name, count, vramMb: z.number(), simulated: z.boolean() }),
  identity: identity.nullable(),
  catalog: name,
})
const seal = z.strictObject({
  digest,
  by: name.nullable(),
  signature: z
    .string()
    .regex(/^0x[0-9a-f]{128}$/)
    .nullable(),
})

/** Readers of the content of a line, after its first word. @throws Malformed */
export const readHeader = (content: string): Header => read('header', header, content)
export const readEnd = (content: string): End => read('end', end, content)
export const readSeal = (content: string): Seal => read('seal', seal, content)

function read<T extends z.ZodType>(what: string, shape: T, content: string): z.output<T> {
  try {
    return shape.parse(JSON.parse(content))
  } catch (error) {
    throw new Malformed(`its ${what} is not as it should be`, error)
  }
}

const HEARD = /^([<>]) (-?[0-9]{1,9}(?:\.[0-9]{1,3})?) (.*)$/s

/** A line of a session; null: it is none. */
export function readHeard(line: string): Heard | null {
  const [, from, at, said] = HEARD.exec(line) ?? []
  return said === undefined ? null : { from: from === '>' ? 'us' : 'host', atMs: Number(at), line: said }
}

/** As `readHeard` takes it: to the microsecond. */
export function heardLine({ from, atMs, line }: Heard): string {
  return `${from === 'us' ? '>' : '<'} ${Math.round(atMs * 1000) / 1000} ${line}`
}

/** Exactly one text for each seal: a byte of the last line cannot be changed either. */
export const sealLine = ({ digest, by, signature }: Seal): string => `seal ${JSON.stringify({ digest, by, signature })}`

/** What the hotkey signs. */
export const sealBytes = (digest: string): Uint8Array => new TextEncoder().encode(statement('compute/bundle/1', digest))

/** What is kept of an outcome; the rest stands in the lines. */
export function endOf({ session, claim, identity, catalog }: Outcome): End {
  const { ended, phase, verdict, times, rttMs } = session
  const gpus = verdict.gpus.map((v) => ({
    gpu: v.gpu,
    result: v.result,
    mismatch: v.result === 'mismatch' ? { check: v.mismatch.check, at: v.mismatch.at } : null,
  }))
  const said = { result: verdict.result, text: shown(verdict.text), gpus }
  // Times of what was not proved identify nothing.
  const isProved = ended === 'complete' && verdict.result === 'passed'
  const identified = isProved && identity ? { ...identity, text: shown(identity.text), flags: identity.flags.map(shown) } : null
  const claimed = { ...claim, model: shown(claim.model) }
  return { ended, phase, text: shown(session.text), verdict: said, times, rttMs, claim: claimed, identity: identified, catalog }
}

const shown = (words: string): string => oneLine(words).slice(0, MOST)
