import { inArray } from 'drizzle-orm'
import type { Log } from '../../core/log.ts'
import { peers, specs } from '../../../schema/tables/validator/index.ts'
import { type Database, keyed, replacing } from './database.ts'
import { ofThoseThere } from './subnet.ts'
import type { Peer, Store } from './types.ts'

/** What the edge said last: of miners, and what other validators published there. */
export function readingsOf(db: Database, log: Log): Pick<Store, 'keepSpecs' | 'specs' | 'keepPeers' | 'peers'> {
  return {
    keepSpecs: (miners, nowMs) =>
      db.turn(async ({ q, write }) => {
        const said = miners.map((miner) => ({ hotkey: miner.hotkey, miner, at: nowMs }))
        const rows = await ofThoseThere(q, said, () => null, log)
        const remove = (keys: string[]) => q.delete(specs).where(inArray(specs.hotkey, keys))
        await write(
          replacing(
            rows,
            (row) => row.hotkey,
            remove,
            (piece) => q.insert(specs).values(piece),
          ),
        )
      }),
    specs: () => db.turn(async ({ q }) => keyed(await q.select().from(specs), (row) => row.hotkey)),
    keepPeers: (given) =>
      db.turn(async ({ q, write }) => {
        const before = keyed(await q.select().from(peers), (row) => row.validator)
        const said = given.map((peer) => ({ hotkey: peer.validator, peer }))
        const there = await ofThoseThere(q, said, () => null, log) // else an edge could have us keep whatever it likes
        const rows = there.map(({ peer }) => latest(before.get(peer.validator), peer))
        const remove = (keys: string[]) => q.delete(peers).where(inArray(peers.validator, keys))
        await write(
          replacing(
            rows,
            (row) => row.validator,
            remove,
            (piece) => q.insert(peers).values(piece),
          ),
        )
      }),
    peers: () => db.turn(async ({ q }) => q.select().from(peers)),
  }
}

/** Whoever passes publications on may keep back the newest one, but cannot take back what we have. */
function latest(before: Peer | undefined, now: Peer): Peer {
  return { validator: now.validator, scores: later(before?.scores, now.scores), penalties: later(before?.penalties, now.penalties) }
}

function later<T extends { at_ms: number }>(before: T | null | undefined, now: T | null): T | null {
  if (!before || !now) return now ?? before ?? null
  return now.at_ms >= before.at_ms ? now : before
}
