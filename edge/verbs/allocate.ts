import { sql } from 'drizzle-orm'
import type { AllocateInput } from '../../schema/allocation.ts'
import { encodeHotkey } from '../../schema/hotkey.ts'
import { invalid, Problem } from '../../schema/problem.ts'
import { DEADLINE_MS, IDEMPOTENCY_MS } from '../../schema/protocol.ts'
import type { Spec } from '../../schema/tables/allocations.ts'
import { nextWarning } from '../../schema/warn.ts'
import type { Caller } from '../caller.ts'
import type { Ctx } from '../ctx.ts'
import { byIdempotencyKey, usageOf } from '../store/allocations.ts'
import { type Asker, candidates, isOffered, offeredImages } from '../store/candidates.ts'
import { countGpus, firstThatHolds, gpusLeft, heldBy, insertOf, takeGpus } from '../store/claims.ts'
import { write } from '../store/db.ts'
import { tell } from '../store/events.ts'
import { preempt, preempted } from '../store/preempt.ts'
import { pick, type Pick } from './pick.ts'

/** Between reading candidates and claiming one, others claim too; this many rounds make losing every one unlikely. */
const ROUNDS = 5

export type Allocate = { caller: Caller; input: AllocateInput; idempotencyKey: string | undefined }

/**
 * Claims GPUs for a client: all that were asked for, of one miner, or none. Only when there are none elsewhere it takes those of a proof.
 * With an Idempotency-Key the first allocation of that key is given back, in whatever state it is.
 * Throws `idempotency_mismatch`, `quota_exceeded`, `image_not_offered`, `no_capacity`.
 */
export async function allocate(ctx: Ctx, { caller, input, idempotencyKey }: Allocate): Promise<{ id: string; replayed: boolean }> {
  if (input.lease_hours > caller.quota.maxLeaseHours) throw invalid('lease_hours', `this key may lease ${caller.quota.maxLeaseHours} hours at most`)
  const spec = specOf(input, ctx.config.DEFAULT_IMAGE)
  const bodyHash = await hashOf(input)
  const replay = idempotencyKey === undefined ? null : await replayed(ctx, caller, idempotencyKey, bodyHash)
  if (replay) return replay

  const id = ctx.newId('al')
  for (let round = 0; round < ROUNDS; round++) {
    const search = { spec, holder: caller.tenant, avoid: new Set<string>(), salt: id }
    const free = await findPicks(ctx, search)
    const picks = free.length > 0 ? free : await findPicks(ctx, { ...search, reach: 'proved' })
    if (picks.length === 0) throw await noRoom(ctx, spec)
    const claimed = await claim(ctx, { id, caller, input, spec, picks, overProofs: free.length === 0, idempotencyKey, bodyHash })
    if (claimed) {
      ctx.defer('wake', ctx.hub(claimed.hotkey).wake(claimed.hotkey))
      ctx.defer('look_at', ctx.hub(claimed.hotkey).lookAt(id, claimed.deadlineAt))
      ctx.defer('changed', ctx.feed(caller.tenant).changed([id]))
      ctx.log.info('allocated', { allocation: id, hotkey: claimed.hotkey, tenant: caller.tenant })
      return { id, replayed: false }
    }
    const other = idempotencyKey === undefined ? null : await replayed(ctx, caller, idempotencyKey, bodyHash)
    if (other) return other
    const refusal = await overQuota(ctx, caller, spec, picks)
    // Of cards that only a proof has, the answer is that of cards that are rented: else anybody without quota could ask for the difference.
    if (refusal) throw free.length > 0 ? refusal : await noRoom(ctx, spec)
  }
  throw new Problem('no_capacity', 'every matching host was taken while this request ran; try again')
}

function specOf(input: AllocateInput, defaultImage: string): Spec {
  const { gpu, host, hotkey, image = defaultImage, env, init, ready_by_s } = input
  return { gpu, host, hotkey, image, env, init, ready_by_s }
}

/** SHA-256 of the parsed body with its keys in order, so that spelling differences do not make another body. */
async function hashOf(input: unknown): Promise<string> {
  const text = JSON.stringify(input, (_, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))) : v,
  )
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('')
}

async function replayed(ctx: Ctx, caller: Caller, key: string, bodyHash: string): Promise<{ id: string; replayed: true } | null> {
  const row = await byIdempotencyKey(ctx.db, caller.tenant, key)
  if (!row || row.createdAt < ctx.now() - IDEMPOTENCY_MS) return null
  if (row.bodyHash !== bodyHash) throw new Problem('idempotency_mismatch', `this Idempotency-Key made ${row.id} from another body; use a new key`)
  return { id: row.id, replayed: true }
}

export type Search = { spec: Spec; holder: string; avoid: ReadonlySet<string>; salt: string; reach?: Asker['reach'] }

/** Simulated GPUs are for development. */
export const askerOf = (ctx: Ctx, holder: string, reach: Asker['reach'] = 'free'): Asker => ({
  holder,
  simulated: ctx.config.ENVIRONMENT === 'development',
  nowMs: ctx.now(),
  reach,
})

/** A sample around a random place; the whole market when the sample has nothing that fits. */
export async function findPicks(ctx: Ctx, { spec, holder, avoid, salt, reach = 'free' }: Search): Promise<Pick[]> {
  const wanted = { ...spec, ...askerOf(ctx, holder, reach) }
  if (reach === 'proved') return pick(spec, await candidates(ctx.db, wanted, null), avoid, salt)
  const around = encodeHotkey(crypto.getRandomValues(new Uint8Array(32)))
  const picks = pick(spec, await candidates(ctx.db, wanted, around), avoid, salt)
  return picks.length > 0 ? picks : pick(spec, await candidates(ctx.db, wanted, null), avoid, salt)
}

type Claim = {
  id: string
  caller: Caller
  input: AllocateInput
  spec: Spec
  picks: Pick[]
  overProofs: boolean
  idempotencyKey: string | undefined
  bodyHash: string
}

async function claim(ctx: Ctx, c: Claim): Promise<{ hotkey: string; deadlineAt: number } | null> {
  const asker = askerOf(ctx, c.caller.tenant)
  const now = asker.nowMs
  const readyBy = now + c.spec.ready_by_s * 1000
  const deadlineAt = Math.min(now + DEADLINE_MS.acknowledge, readyBy)
  const whole = c.spec.gpu.count === 'all'
  const expiresAt = now + Math.round(c.input.lease_hours * 3600_000)
  const row = insertOf({
    id: c.id,
    purpose: 'rent',
    holder: c.caller.tenant,
    keyId: c.caller.keyId,
    name: c.input.name ?? null,
    idempotencyKey: c.idempotencyKey ?? null,
    bodyHash: c.bodyHash,
    traceId: ctx.trace,
    createdAt: now,
    sshKeys: c.input.ssh_keys,
    expiresAt,
    warnAt: nextWarning(expiresAt, now),
    spec: c.spec,
    exclusive: whole,
    readyBy,
    deadlineAt,
  })
  const left = gpusLeft(c.caller.keyId, c.caller.quota.maxGpus, c.id)
  const within = sql`(SELECT count(*) ${heldBy(c.caller.keyId, c.id)}) < ${c.caller.quota.maxAllocations}`
  const overProofs = sql`SELECT c.hotkey AS hotkey FROM (${firstThatHolds(c.picks, c.spec, { ...asker, reach: 'proved' }, left)}) c WHERE ${within}`
  const results = await write(ctx.db, [
    ...(c.overProofs ? preempt(c.id, overProofs, now) : []),
    sql`UPDATE allocations SET idempotency_key = NULL WHERE holder = ${c.caller.tenant} AND idempotency_key = ${c.idempotencyKey ?? ''} AND created_at < ${now - IDEMPOTENCY_MS}`,
    sql`${row} FROM (${firstThatHolds(c.picks, c.spec, asker, left)}) c WHERE ${within} ON CONFLICT DO NOTHING`,
    takeGpus(c.id, 1, c.picks, c.spec, asker),
    countGpus(c.id, 1),
    tell(c.id, 'allocated', now, {}, sql`NOT EXISTS (SELECT 1 FROM events e WHERE e.allocation_id = a.id)`),
    preempted(c.id),
    sql`SELECT hotkey FROM allocations WHERE id = ${c.id}`,
  ])
  for (const { id, validator } of (results.at(-2) ?? []) as { id: string; validator: string }[]) {
    ctx.defer('changed', ctx.feed(validator).changed([id]))
    ctx.log.info('proof_preempted', { proof: id, validator, allocation: c.id })
  }
  const hotkey = results.at(-1)?.[0]?.['hotkey']
  return typeof hotkey === 'string' ? { hotkey, deadlineAt } : null
}

async function overQuota(ctx: Ctx, caller: Caller, spec: Spec, picks: Pick[]): Promise<Problem | null> {
  const used = await usageOf(ctx.db, caller.keyId)
  const { maxAllocations, maxGpus } = caller.quota
  if (used.allocations >= maxAllocations)
    return new Problem('quota_exceeded', `this key holds ${used.allocations} of ${maxAllocations} allocations; release one`)
  const take = spec.gpu.count === 'all' ? Math.min(...picks.map((p) => p.take)) : spec.gpu.count
  if (used.gpus + take > maxGpus) return new Problem('quota_exceeded', `this key holds ${used.gpus} of ${maxGpus} GPUs and asks for ${take} more`)
  return null
}

async function noRoom(ctx: Ctx, spec: Spec): Promise<Problem> {
  if (!(await isOffered(ctx.db, spec.image))) {
    const offered = await offeredImages(ctx.db)
    return new Problem('image_not_offered', `no miner runs ${spec.image}`, {
      errors: [{ field: 'image', message: `choose one of: ${offered.join(', ')}` }],
      allowed: offered,
    })
  }
  const { count, model, min_vram_gb } = spec.gpu
  const host = Object.entries(spec.host).map(([need, least]) => `host.${need} ${least}`)
  const what = [`${count} GPU(s)`, model && `of model "${model}"`, min_vram_gb && `with ${min_vram_gb} GiB each`, spec.hotkey && `on ${spec.hotkey}`, ...host]
  return new Problem('no_capacity', `no host has ${what.filter(Boolean).join(' ')} free right now; see GET /v1/gpus`)
}
