import { sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { SNAPSHOT_OUTCOMES, SNAPSHOT_STATES, SnapshotNeuron } from '../../schema/snapshot.ts'
import type { RoleChanges } from '../../schema/tables/index.ts'
import type { Ctx } from '../ctx.ts'
import { record } from '../store/audit.ts'
import { read, retrying, type Rows, write } from '../store/db.ts'
import { type Act, ignore, latest, recentPosts, recentSnapshots, won } from '../store/snapshots.ts'
import { planRoles, seatsOf } from './roles.ts'
import { basisOf, enact } from './snapshot.ts'

type State = (typeof SNAPSHOT_STATES)[number]

export type SnapshotRow = {
  digest: string
  block: number
  blockHash: string
  uids: number
  state: State
  detail: RoleChanges
  chainAt: number
  firstAt: number
  agreedAt: number | null
  appliedAt: number | null
  votes: string[]
}
export type PostRow = { at: number; hotkey: string; netuid: number; block: number; digest: string; outcome: (typeof SNAPSHOT_OUTCOMES)[number] }

/** Snapshots by block, newest first, and the latest words of validators. */
export async function listSnapshots(ctx: Ctx): Promise<{ snapshots: SnapshotRow[]; posts: PostRow[] }> {
  const [rows, posts] = (await read(ctx.db, [recentSnapshots(ctx.config.TRUSTED_VALIDATORS), recentPosts()])) as [Rows, Rows]
  const snapshots = (rows as (Omit<SnapshotRow, 'detail' | 'votes'> & { detail: string; votes: string })[]).map((row) => ({
    ...row,
    detail: JSON.parse(row.detail) as RoleChanges,
    votes: JSON.parse(row.votes) as string[],
  }))
  return { snapshots, posts: posts as PostRow[] }
}

export type Decided = { digest: string; block: number; state: State; detail: RoleChanges }

/** A digest, or the beginning of one that is like no other. */
type Named = { actor: string; digest: string }

/**
 * Lets roles follow a snapshot that is held, at once and as a whole. When a later one that changes the same is held in its place, that one.
 * Again it changes nothing. Throws `not_found`, `conflict`.
 */
export async function acceptSnapshot(ctx: Ctx, { actor, digest: begins }: Named): Promise<Decided> {
  const { digest, block, neurons, state } = await heldOf(ctx, begins, 'applied')
  if (state === 'held') {
    const { was, ...known } = await basisOf(ctx, neurons)
    const plan = planRoles({ ...known, seats: seatsOf(neurons), accepted: true, keepAllowed: ctx.config.ENVIRONMENT === 'development' })
    await write(ctx.db, enact(ctx, actOf(ctx, digest, was), { block, neurons, plan, actor }))
  }
  return decided(ctx, digest, 'applied')
}

/** Says that a snapshot that is held is wrong: nothing follows from it. Again it changes nothing. Throws `not_found`, `conflict`. */
export async function ignoreSnapshot(ctx: Ctx, { actor, digest: begins }: Named): Promise<Decided> {
  const { digest, block, state } = await heldOf(ctx, begins, 'ignored')
  const act = actOf(ctx, digest, null)
  if (state === 'held') await write(ctx.db, [ignore(act), record(ctx, actor, 'snapshot_ignored', digest, { block }, won(act))])
  return decided(ctx, digest, 'ignored')
}

/**
 * Says that the snapshot that roles follow is wrong: of another chain, or of stolen keys. Roles stay as they are, and nothing later is compared with it:
 * the next one that validators agree on is, but for the brake, the first. Again it changes nothing. Throws `not_found`, `conflict`.
 */
export async function forgetSnapshot(ctx: Ctx, { actor, digest: begins }: Named): Promise<Decided> {
  const { digest, block, state } = await find(ctx, begins)
  if (state !== 'applied' && state !== 'ignored') throw new Problem('conflict', `roles do not follow the snapshot ${digest.slice(0, 8)} of block ${block}`)
  const act: Act = { ...actOf(ctx, digest, null), from: 'applied' }
  if (state === 'applied') await write(ctx.db, [ignore(act), record(ctx, actor, 'snapshot_forgotten', digest, { block }, won(act))])
  return decided(ctx, digest, 'ignored')
}

const actOf = (ctx: Ctx, digest: string, was: string | null): Act => ({ digest, from: 'held', was, token: crypto.randomUUID(), nowMs: ctx.now() })

type Found = { digest: string; block: number; state: State; neurons: SnapshotNeuron[]; detail: RoleChanges }

/** The one that is meant, held or already as wanted. While a person reads, the next one comes: one that changes the same is meant as well. */
async function heldOf(ctx: Ctx, begins: string, wanted: State): Promise<Found> {
  const found = await find(ctx, begins)
  if (found.state === 'held' || found.state === wanted) return found
  const { same } = found.detail
  const [later] = found.state === 'superseded' && same ? await retrying(() => ctx.db.all<Named>(latest(['held', wanted], same))) : []
  if (!later) throw await notHeld(ctx, found)
  return find(ctx, later.digest)
}

async function find(ctx: Ctx, begins: string): Promise<Found> {
  const [first, second] = await retrying(() =>
    ctx.db.all<Omit<Found, 'neurons' | 'detail'> & { neurons: string; detail: string }>(
      sql`SELECT digest, block, state, neurons, detail FROM snapshots WHERE digest >= ${begins} AND digest < ${`${begins}g`} LIMIT 2`,
    ),
  )
  if (!first) throw new Problem('not_found', `no snapshot begins with ${begins}; compute admin snapshot lists them`)
  if (second) throw new Problem('conflict', `more than one snapshot begins with ${begins}; give more of it`)
  return { ...first, neurons: JSON.parse(first.neurons) as SnapshotNeuron[], detail: JSON.parse(first.detail) as RoleChanges }
}

async function decided(ctx: Ctx, digest: string, wanted: State): Promise<Decided> {
  const { neurons: _, ...row } = await find(ctx, digest)
  if (row.state !== wanted) throw await notHeld(ctx, row)
  ctx.log.info('snapshot_decided', { digest, block: row.block, state: row.state })
  return row
}

const WHY: Record<State, string> = {
  collecting: 'has no majority yet',
  applied: 'is applied',
  held: 'is held still: try again',
  ignored: 'was ignored',
  superseded: 'was superseded by a later one',
}

async function notHeld(ctx: Ctx, { digest, block, state }: Pick<Found, 'digest' | 'block' | 'state'>): Promise<Problem> {
  const [held] = await retrying(() => ctx.db.all<{ digest: string; block: number }>(latest(['held'], null)))
  const now = held && held.digest !== digest ? `; held now is ${held.digest.slice(0, 8)} of block ${held.block}, which changes something else` : ''
  return new Problem('conflict', `the snapshot ${digest.slice(0, 8)} of block ${block} ${WHY[state]}${now}`)
}
