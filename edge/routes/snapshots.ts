import { createRoute, z } from '@hono/zod-openapi'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { SNAPSHOT_OUTCOMES, SNAPSHOT_STATES } from '../../schema/snapshot.ts'
import { json, problems, router } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { atMost } from '../http/limit.ts'
import { majority } from '../verbs/snapshot.ts'
import { acceptSnapshot, forgetSnapshot, ignoreSnapshot, listSnapshots, type PostRow, type SnapshotRow } from '../verbs/snapshots.ts'

const security = [{ bearer: [] }]
const common = ['unauthorized', 'forbidden', 'rate_limited', 'invalid_request', 'database_unavailable'] as const

const changes = z
  .object({
    seen: z.number().int().meta({ description: 'Changes that were new with this snapshot' }),
    known: z.number().int().meta({ description: 'Of so many agents' }),
    counts: z.record(z.string(), z.number().int()).meta({ description: 'What it changed, or would change, by kind' }),
    hotkeys: z.array(z.string()).meta({ description: 'The first 20 of them' }),
    same: z.string().optional().meta({ description: 'Alike for snapshots that change the same' }),
  })
  .meta({ id: 'RoleChanges' })
const decidedView = z.object({ digest: z.string(), block: z.number().int(), state: z.enum(SNAPSHOT_STATES), detail: changes }).meta({ id: 'SnapshotDecided' })
const time = z.iso.datetime()
const snapshotView = z
  .object({
    ...decidedView.shape,
    block_hash: z.string(),
    uids: z.number().int(),
    chain_at: time,
    first_at: time,
    agreed_at: time.nullable(),
    applied_at: time.nullable(),
    votes: z.array(z.string()).meta({ description: 'Hotkeys of validators that are trusted and said so' }),
  })
  .meta({ id: 'SnapshotState' })
const postView = z
  .object({ at: time, hotkey: z.string(), netuid: z.number().int(), block: z.number().int(), digest: z.string(), outcome: z.enum(SNAPSHOT_OUTCOMES) })
  .meta({ id: 'SnapshotPost' })
const listed = z.object({ needed: z.number().int(), trusted: z.array(z.string()), items: z.array(snapshotView), posts: z.array(postView) })

const list = createRoute({
  method: 'get',
  path: '/admin/snapshots',
  summary: 'What validators said that the chain says, and what became of it',
  security,
  middleware: [bearer('admin')] as const,
  responses: { 200: json(listed, 'Snapshots by block and posts by time, newest first'), ...problems(...common) },
})

const params = z.object({
  digest: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/, 'at least the first 8 hex digits of a digest')
    .meta({ param: { name: 'digest', in: 'path' } }),
})
const accept = createRoute({
  method: 'post',
  path: '/admin/snapshots/{digest}/accept',
  summary: 'Let roles follow a snapshot that is held: it changes much',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: { params },
  responses: { 200: json(decidedView, 'Roles follow it'), ...problems(...common, 'not_found', 'conflict') },
})
const ignore = createRoute({
  method: 'post',
  path: '/admin/snapshots/{digest}/ignore',
  summary: 'Drop a snapshot that is held: it is wrong',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: { params },
  responses: { 200: json(decidedView, 'Nothing follows from it'), ...problems(...common, 'not_found', 'conflict') },
})

const forget = createRoute({
  method: 'post',
  path: '/admin/snapshots/{digest}/forget',
  summary: 'Drop the snapshot that roles follow: it is of another chain, or of stolen keys. Roles stay until the next one',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: { params },
  responses: { 200: json(decidedView, 'Nothing later is compared with it'), ...problems(...common, 'not_found', 'conflict') },
})

const iso = (ms: number) => new Date(ms).toISOString()
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms))

function view({ blockHash, chainAt, firstAt, agreedAt, appliedAt, ...row }: SnapshotRow): z.infer<typeof snapshotView> {
  return { ...row, block_hash: blockHash, chain_at: iso(chainAt), first_at: iso(firstAt), agreed_at: isoOrNull(agreedAt), applied_at: isoOrNull(appliedAt) }
}
const post = (p: PostRow): z.infer<typeof postView> => ({ ...p, at: iso(p.at) })

/** For who runs the edge: snapshots of the metagraph. */
export const snapshotRoutes = router()
  .openapi(list, async (c) => {
    const { TRUSTED_VALIDATORS: trusted } = c.get('ctx').config
    const { snapshots, posts } = await listSnapshots(c.get('ctx'))
    return c.json({ needed: majority(trusted.length), trusted, items: snapshots.map(view), posts: posts.map(post) }, 200)
  })
  .openapi(accept, async (c) => c.json(await acceptSnapshot(c.get('ctx'), { actor: c.get('caller').keyId, digest: c.req.valid('param').digest }), 200))
  .openapi(forget, async (c) => c.json(await forgetSnapshot(c.get('ctx'), { actor: c.get('caller').keyId, digest: c.req.valid('param').digest }), 200))
  .openapi(ignore, async (c) => c.json(await ignoreSnapshot(c.get('ctx'), { actor: c.get('caller').keyId, digest: c.req.valid('param').digest }), 200))
