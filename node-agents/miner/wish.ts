import * as z from 'zod'
import { allocationId, JWS_TYPE, PROTOCOL, traceId, wish, wishEntry, type WishEntry } from '../../schema/index.ts'
import { reason } from '../core/mistake.ts'
import { openJws, type KnownEdge } from '../core/identity.ts'
import { type Key, keyOf } from './key.ts'

/** An entry this agent does not understand. It is answered, never executed, and nothing of it is removed. */
const unreadable = z.object({
  id: allocationId,
  incarnation: z.number().int().positive(),
  generation: z.number().int().nonnegative().catch(0),
  trace: traceId.catch('f'.repeat(32)),
})
export type Unreadable = z.infer<typeof unreadable>

/** A wish that was verified, and so may be acted on. */
export type HeldWish = { epoch: number; version: number; issuedAtMs: number; entries: WishEntry[]; unreadable: Unreadable[]; jws: string }

/** Every container a wish speaks of, also in words this agent does not know. */
export const mentionedBy = (wish: HeldWish | null): Set<Key> => new Set([...(wish?.entries ?? []), ...(wish?.unreadable ?? [])].map(keyOf))

const REFUSALS = ['garbage', 'unknown_key', 'other_edge', 'other_hotkey', 'other_install', 'newer_protocol', 'older'] as const
export type WishRefusal = (typeof REFUSALS)[number]

export class WishRefused extends Error {
  readonly code: WishRefusal
  constructor(code: WishRefusal, message: string, cause?: unknown) {
    super(`the wish is refused: ${message}`, { cause })
    this.name = 'WishRefused'
    this.code = code
  }
}

export type Expected = { edge: KnownEdge; hotkey: string; install: string; /** The last wish held. */ atLeast: { epoch: number; version: number } | null }

type Claims = z.infer<typeof wish>

async function claimsOf(jws: string, edge: KnownEdge): Promise<Claims> {
  const unknownKey = () => new WishRefused('unknown_key', 'it is signed by a key this edge never showed')
  try {
    return wish.parse(await openJws(jws, JWS_TYPE.wish, edge.keys, unknownKey))
  } catch (error) {
    throw error instanceof WishRefused ? error : new WishRefused('garbage', reason(error), error)
  }
}

function refusal(c: Claims, e: Expected): WishRefused | null {
  if (c.protocol > PROTOCOL) return new WishRefused('newer_protocol', `it speaks protocol ${c.protocol}, this agent ${PROTOCOL}: upgrade the agent`)
  if (c.iss !== e.edge.address) return new WishRefused('other_edge', `it is by ${c.iss}, this agent serves ${e.edge.address}`)
  if (c.aud !== e.hotkey) return new WishRefused('other_hotkey', `it is for ${c.aud}`)
  if (c.install !== e.install) return new WishRefused('other_install', `it is for install ${c.install}`)
  const last = e.atLeast
  if (last && (c.epoch < last.epoch || (c.epoch === last.epoch && c.version < last.version)))
    return new WishRefused('older', `${c.epoch}.${c.version} is older than ${last.epoch}.${last.version}, which this agent holds`)
  return null
}

/** Verifies a wish and reads its entries one by one, so that one new kind of entry does not hide the rest. Throws `WishRefused`. */
export async function verifyWish(jws: string, expected: Expected): Promise<HeldWish> {
  const claims = await claimsOf(jws, expected.edge)
  const refused = refusal(claims, expected)
  if (refused) throw refused
  const held: HeldWish = { epoch: claims.epoch, version: claims.version, issuedAtMs: claims.issued_at_ms, entries: [], unreadable: [], jws }
  for (const raw of claims.allocations) {
    const entry = wishEntry.safeParse(raw)
    if (entry.success) held.entries.push(entry.data)
    else {
      const named = unreadable.safeParse(raw)
      if (named.success) held.unreadable.push(named.data)
    }
  }
  return held
}
