import * as z from 'zod'
import { SNAPSHOT_OUTCOMES } from '../../schema/index.ts'
import type { Chain, Clock } from '../core/ports.ts'
import { VERSION } from '../core/version.ts'
import type { StoreErrors } from './loops/counted.ts'
import type { Job } from './loops/job.ts'
import type { Publish } from './loops/publish.ts'
import type { Parts } from './loops/schedule.ts'
import { workOf, workStatus } from './loops/view.ts'
import type { Post } from './post.ts'
import { standingText } from './standing.ts'
import type { State } from './state.ts'
import type { Store } from './store/types.ts'

const time = z.iso.datetime()
const block = z.object({ number: z.number(), hash: z.string() })
/** u64 rao as text. */
const rao = z.string()

/** What the control socket says of the validator behind it. */
export const validatorStatus = z.object({
  hotkey: z.string(),
  version: z.string(),
  netuid: z.number(),
  edge: z.object({ url: z.string(), address: z.string().nullable() }),
  chain: z.object({
    endpoint: z.string().nullable(),
    genesis: z.string().nullable(),
    spec: z.number().nullable(),
    head: block.nullable(),
    head_age_s: z.number().nullable(),
    finalized: block.nullable(),
    failovers: z.number(),
    trouble: z.string().nullable(),
  }),
  /** As of the last block that could be read; null: none yet. */
  subnet: z
    .object({
      block: z.number().nullable(),
      uids: z.number(),
      uid: z.number().nullable(),
      permit: z.boolean(),
      stake: rao.nullable(),
      standing: z.string(),
      text: z.string(),
    })
    .nullable(),
  /** Why the newest block could not be read; null: it was. */
  subnet_trouble: z.string().nullable(),
  snapshot: z.object({
    last: z.object({ block: z.number(), outcome: z.enum(SNAPSHOT_OUTCOMES), votes: z.number(), needed: z.number(), at: time }).nullable(),
    /** Why the newest one is not at the edge; null: nothing is wrong. */
    trouble: z.object({ code: z.string(), message: z.string(), advice: z.string().nullable(), since: time }).nullable(),
  }),
  ...workStatus,
})
export type ValidatorStatus = z.infer<typeof validatorStatus>

/** The parts of one validator. */
export type Validator = Parts & {
  netuid: number
  url: string
  chain: Chain
  clock: Clock
  store: Store
  state: State
  post: Post
  publish: Publish
  jobs: Job[]
  storeErrors: StoreErrors
  /** Where the evidence of proofs lies. */
  bundles: string
}

const iso = (ms: number) => new Date(ms).toISOString()

/** Everything an operator may ask of a running validator. No secret is in it. */
export function statusOf(v: Validator): ValidatorStatus {
  const { endpoint, genesis, spec, head, headAtMs, finalized, failovers, trouble } = v.chain.status()
  const head_age_s = headAtMs === null ? null : Math.round((v.clock.wallMs() - headAtMs) / 1000)
  return {
    hotkey: v.hotkey,
    version: VERSION,
    netuid: v.netuid,
    edge: { url: v.url, address: v.state.edge()?.address ?? null },
    chain: { endpoint, genesis, spec, head, head_age_s, finalized, failovers, trouble },
    subnet: subnetOf(v),
    subnet_trouble: v.follow.trouble,
    snapshot: snapshotOf(v),
    ...workOf(v),
  }
}

function subnetOf({ hotkey, netuid, follow }: Validator): ValidatorStatus['subnet'] {
  if (!follow.view) return null
  const { metagraph, standing } = follow.view
  const own = metagraph?.neurons.find((n) => n.hotkey === hotkey)
  return {
    block: metagraph?.block.number ?? null,
    uids: metagraph?.neurons.length ?? 0,
    uid: own?.uid ?? null,
    permit: own?.validatorPermit ?? false,
    stake: own ? String(own.totalStake) : null,
    standing: standing.is,
    text: standingText(standing, hotkey, netuid),
  }
}

function snapshotOf({ state, post }: Validator): ValidatorStatus['snapshot'] {
  const [last, trouble] = [state.posted(), post.trouble]
  return {
    last: last && { block: last.block, outcome: last.outcome, votes: last.votes, needed: last.needed, at: iso(last.atMs) },
    trouble: trouble && { code: trouble.code, message: trouble.message, advice: trouble.advice, since: iso(trouble.sinceMs) },
  }
}
