import type { Report } from '../../schema/sync.ts'

/** What a report says, in short: about the agent and its containers, and about the host when it says that too. */
export type Digest = { body: string; facts: string | null }

/** Steps of free disk, an eighth of a doubling each: what fills and empties a little all the time is no news. */
const DISK_STEPS = 8

/** Reports that say the same have the same digest, whatever their number and the order of their lists. */
export async function digestOf(report: Report): Promise<Digest> {
  const { seq: _seq, facts, ...body } = report
  const said = { ...body, allocations: sorted(body.allocations, (a) => `${a.id}/${a.incarnation}`) }
  return {
    body: await hash(said),
    facts:
      facts &&
      (await hash({ ...facts, images: sorted(facts.images, (i) => i.reference), disk_free_mb: Math.round(DISK_STEPS * Math.log2(facts.disk_free_mb + 1)) })),
  }
}

/** Whether the digest kept of the last report taken, `body.facts`, says all that this one does. */
export function covers(kept: string | null, { body, facts }: Digest): boolean {
  if (kept === null) return false
  return facts === null ? kept.startsWith(`${body}.`) : kept === `${body}.${facts}`
}

function sorted<T>(list: readonly T[], key: (item: T) => string): T[] {
  return list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

async function hash(value: unknown): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(value)))
  return [...new Uint8Array(digest).subarray(0, 16)].map((b) => b.toString(16).padStart(2, '0')).join('')
}
