import { sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import { type OpenProof, PROOF_MAX_MS, type ProofState } from '../../schema/proof.ts'
import { DEADLINE_MS, QUOTA_DEFAULTS } from '../../schema/protocol.ts'
import type { Spec } from '../../schema/tables/allocations.ts'
import type { Ctx } from '../ctx.ts'
import { countGpus, insertOf, takeGpus } from '../store/claims.ts'
import { read, write } from '../store/db.ts'
import { endOwn, proofOf, proofRow } from '../store/proofs.ts'
import { type Asked, enqueue, type Place, placeOf } from '../store/queue.ts'
import { askerOf } from './allocate.ts'
import { type Pick, share } from './pick.ts'
import { proofRefusal } from './proofRefusal.ts'
import { proofView } from './proofView.ts'

/** Cards come and go between reading a place and taking it. */
const ROUNDS = 3
/** A container that is ready later leaves no time to prove anything. */
const READY_BY_S = (PROOF_MAX_MS - 60_000) / 1000
const AGAIN_S = 5

export type Open = { validator: string; input: OpenProof }

/**
 * Takes all free cards of a miner for a proof: for the miner a rent like any other, with the image, the lease and the share of the host
 * that a client gets who asks for nothing special. The same request again, key and all, gives the same proof while it is open; another one
 * by the same validator lets the cards of the first go, which whoever was killed knows nothing of. Throws `proof_refused` saying when to
 * ask again.
 */
export async function openProof(ctx: Ctx, { validator, input: { hotkey, ssh_key } }: Open): Promise<ProofState> {
  const id = ctx.newId('al')
  const image = ctx.config.DEFAULT_IMAGE
  const same = sql`p.hotkey = ${hotkey} AND p.ended_at IS NULL AND a.ssh_keys = ${JSON.stringify([ssh_key])}`
  for (let round = 0; round < ROUNDS; round++) {
    const asked: Asked = { hotkey, image, asker: askerOf(ctx, validator, 'all') }
    const [known, places] = await read(ctx.db, [proofOf(validator, same), placeOf(asked)])
    if (known?.[0]) return proofView(proofRow(known[0]), ctx.now())
    const place = (places?.[0] as Place | undefined) ?? null
    if (place?.openByAsker) throw await letGo(ctx, validator, hotkey)
    const refusal = proofRefusal(place, image, ctx.now())
    if (refusal ?? !place) throw refusal ?? new Problem('proof_refused')
    const made = await take(ctx, { id, asked, ssh_key, place })
    if (made) return made
  }
  throw new Problem('proof_refused', 'its cards changed hands while this request ran', { retry_after_s: AGAIN_S })
}

async function letGo(ctx: Ctx, validator: string, hotkey: string): Promise<Problem> {
  await write(ctx.db, [endOwn(validator, hotkey, ctx.now())])
  ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  ctx.log.info('proof_let_go', { validator, hotkey })
  return new Problem('proof_refused', 'your last proof of it was still open, and is let go', { retry_after_s: AGAIN_S })
}

type Take = { id: string; asked: Asked; ssh_key: string; place: Place }

async function take(ctx: Ctx, { id, asked, ssh_key, place }: Take): Promise<ProofState | null> {
  const { hotkey, image, asker } = asked
  const { holder: validator, nowMs } = asker
  const pick: Pick = { hotkey, modelKey: null, take: place.free, limits: share(place, place.free) }
  const spec: Spec = { gpu: { count: place.free }, host: {}, hotkey, image, env: {}, init: [], ready_by_s: READY_BY_S }
  const deadlineAt = nowMs + DEADLINE_MS.acknowledge
  const row = insertOf({
    id,
    purpose: 'proof',
    holder: validator,
    keyId: null,
    name: null,
    idempotencyKey: null,
    bodyHash: null,
    traceId: ctx.trace,
    createdAt: nowMs,
    sshKeys: [ssh_key],
    expiresAt: nowMs + QUOTA_DEFAULTS.leaseHours * 3600_000,
    warnAt: null,
    spec,
    exclusive: false,
    readyBy: nowMs + READY_BY_S * 1000,
    deadlineAt,
  })
  const results = await write(ctx.db, [
    enqueue(id, asked, place),
    sql`${row} FROM (SELECT p.hotkey AS hotkey, ${pick.take} AS take, ${JSON.stringify(pick.limits)} AS limits FROM proofs p WHERE p.id = ${id}) c WHERE true ON CONFLICT DO NOTHING`,
    takeGpus(id, 1, [pick], spec, asker),
    countGpus(id, 1),
    proofOf(validator, sql`p.id = ${id}`),
  ])
  const made = results.at(-1)?.[0]
  if (!made) return null
  ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  ctx.defer('look_at', ctx.hub(hotkey).lookAt(id, deadlineAt))
  ctx.log.info('proof_opened', { proof: id, validator, hotkey, gpus: place.free })
  return proofView(proofRow(made), nowMs)
}
