import * as z from 'zod'
import { Malformed } from './fault.ts'
import { MAX_GPUS } from './sizes.ts'

/** The lines of the script that runs on the GPUs (gpu/proof.py): one JSON object each, hashes in hex, bulk in base64. */

/** Openings that one request may ask for. */
const MAX_OPENINGS = 2048
/** A number of bytes, such as of memory, that doubles still hold exactly. */
const bytes = z.int().nonnegative()
const gpu = z.int().nonnegative().lt(MAX_GPUS)
const said = z.string().max(300)
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, '32 bytes in lower-case hex')
  .transform((hex): Uint8Array => Buffer.from(hex, 'hex'))
const bulk = z.string().transform((text, context): Uint8Array => {
  const decoded = decodeBulk(text)
  if (decoded) return decoded
  context.addIssue('no base64')
  return z.NEVER
})

/** What the script says of its device is a claim: nothing but the arithmetic, and the time it takes, is ever believed. */
const hello = z.object({ t: z.literal('hello'), v: z.literal(2), g: gpu, torch: said.nullable(), name: said, mem: bytes })

/** Every message of the script, by its `t`. */
const message = z.discriminatedUnion('t', [
  hello,
  z.object({ t: z.literal('pong'), n: z.string().regex(/^[0-9a-f]{16}$/, '8 bytes in lower-case hex') }),
  z.object({ t: z.literal('warn'), g: gpu, e: said, m: said }),
  z.object({ t: z.literal('ready'), g: gpu, engine: said }),
  z.object({ t: z.literal('tip'), g: gpu, h: hash }),
  z.object({ t: z.literal('roots'), g: gpu, d: bulk }),
  z.object({ t: z.literal('swp'), g: gpu, h: hash }),
  z.object({ t: z.literal('swr'), g: gpu, root: hash }),
  z.object({ t: z.literal('o'), g: gpu, k: z.int().nonnegative().lt(MAX_OPENINGS), d: z.string() }),
  z.object({ t: z.literal('done'), g: gpu }),
  /** It refuses a command. Of no GPU: no process of any GPU was asked. */
  z.object({ t: z.literal('error'), g: gpu.optional(), m: said }),
])

/** Bulk and hashes are bytes already; their lengths are the business of whom they are for. */
export type Message = Exclude<Parsed, { t: 'o' }> | Opening
type Parsed = z.output<typeof message>
type Opening = Omit<Extract<Parsed, { t: 'o' }>, 'd'> & { d: Uint8Array }

/**
 * One line of the script, without its end.
 * @param room where the bytes of an opening are put, if they fit: they are there until the next line is read into it. Without it each gets
 *   memory of its own, which for thousands of them is a lot of garbage
 * @throws Malformed saying what of it is wrong; never with more than a few words of what came
 */
export function readMessage(line: string, room?: Buffer): Message {
  return quickly(line, room) ?? readJson(line, room)
}

/** As the script writes it. */
const OPENING = /^\{"t":"o","g":(0|[1-9]\d?),"k":(0|[1-9]\d{0,3}),"d":"/

/** An opening: nearly all that comes, and too large to be copied once as JSON and once more by a schema. Null: all else, and what is not as written. */
function quickly(line: string, room: Buffer | undefined): Opening | null {
  const [start = '', g, k] = OPENING.exec(line) ?? []
  const rest = line.slice(start.length)
  if (start === '' || Number(g) >= MAX_GPUS || Number(k) >= MAX_OPENINGS || !rest.endsWith('"}')) return null
  const d = decodeBulk(rest.slice(0, -2), room)
  return d && { t: 'o', g: Number(g), k: Number(k), d }
}

function readJson(line: string, room: Buffer | undefined): Message {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    throw new Malformed(`a line is no JSON: ${shown(line)}`, error)
  }
  const { success, data, error } = message.safeParse(parsed)
  if (success) return data.t === 'o' ? { ...data, d: opened(data.d, room) } : data
  const [issue] = error.issues
  const kind = typeof parsed === 'object' && parsed !== null && 't' in parsed ? shown(String(parsed.t)) : shown(line)
  throw new Malformed(`message ${kind}: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'wrong'}`)
}

function opened(text: string, room: Buffer | undefined): Uint8Array {
  const decoded = decodeBulk(text, room)
  if (decoded) return decoded
  throw new Malformed('message "o": d: no base64')
}

/** Bytes of base64 (RFC 4648 §4, padded), or null. Each byte string has exactly one text that is taken. */
function decodeBulk(text: string, room?: Buffer): Buffer | null {
  const fits = room && text.length <= base64Length(room.length)
  const decoded = fits ? room.subarray(0, room.write(text, 'base64')) : Buffer.from(text, 'base64')
  // Node skips what is no base64, takes the letters of URLs too, and does not look at bits that are left over at the end.
  const isWhole = text.length === base64Length(decoded.length) && !text.includes('-') && !text.includes('_')
  const rest = decoded.length % 3
  const end = rest === 0 ? '' : decoded.subarray(decoded.length - rest).toString('base64')
  return isWhole && text.endsWith(end) ? decoded : null
}

/** Letters that so many bytes take in base64. */
export function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40))
