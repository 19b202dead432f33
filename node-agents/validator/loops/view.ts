import * as z from 'zod'
import type { Validator } from '../status.ts'
import { chainDataOf } from './chain-data.ts'

const time = z.iso.datetime()
const block = z.number()

/** What a validator says of its own work. Ages are seconds. */
export const workStatus = {
  /** Of this hotkey, as of the last block that could be read; null: it is not on the subnet. Amounts are rao as text, shares 0 to 1. */
  chain_data: z
    .object({
      block,
      uid: z.number(),
      stake: z.string(),
      trust: z.number(),
      incentive: z.number(),
      dividends: z.number(),
      emission: z.string(),
      weights_age_blocks: z.number(),
    })
    .nullable(),
  jobs: z.array(
    z.object({
      job: z.string(),
      every: z.number(),
      last: block.nullable(),
      last_at: time.nullable(),
      /** Null: with the next block. */
      next: block.nullable(),
      /** Blocks behind its schedule. */
      lag: z.number(),
      running: z.boolean(),
      /** Why the last run failed; null: it did not. */
      trouble: z.string().nullable(),
    }),
  ),
  /** Neurons after the filter: `included`, or why not. */
  filter: z.record(z.string(), z.number()),
  /** When the edge was asked last; null: not since the start. */
  market_at: time.nullable(),
  proofs: z.object({ running: z.number(), results: z.record(z.string(), z.number()) }),
  scores: z.object({ block, at: time, miners: z.number(), scored: z.number(), unscored: z.number() }).nullable(),
  published: z.object({ block, at: time, rows: z.number() }).nullable(),
  publish_trouble: z.string().nullable(),
  weights: z.object({
    state: z.string().nullable(),
    due: block.nullable(),
    trouble: z.string().nullable(),
    /** The last that were read back as they were sent. */
    confirmed: z.object({ block: block.nullable(), at: time.nullable(), age_s: z.number().nullable(), uids: z.number() }).nullable(),
    /** The last look at what stands on chain, whatever it showed. */
    read_back: z.object({ block, same: z.boolean() }).nullable(),
  }),
  store_errors: z.number(),
}
const shape = z.object(workStatus)

const iso = (ms: number) => new Date(ms).toISOString()
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms))

export function workOf(v: Validator): z.infer<typeof shape> {
  const { follow, hotkey, jobs, queryable, market, proofs, scores, publish, storeErrors } = v
  const m = follow.view?.metagraph
  const [round, said] = [scores.last, publish.last]
  return {
    chain_data: m ? chainDataOf(m, hotkey) : null,
    jobs: jobs.map(({ name, every, last, lastMs, next, lag, running, trouble }) => ({
      job: name,
      every,
      last,
      last_at: isoOrNull(lastMs),
      next,
      lag,
      running,
      trouble,
    })),
    filter: queryable.counts,
    market_at: isoOrNull(market.atMs),
    proofs: { running: proofs.now.size, results: Object.fromEntries(proofs.outcomes) },
    scores: round && {
      block: round.block,
      at: iso(round.atMs),
      miners: round.rows.length,
      scored: round.rows.filter((r) => r.score > 0).length,
      unscored: round.unscored,
    },
    published: said && { block: said.block, at: iso(said.atMs), rows: said.rows },
    publish_trouble: publish.trouble,
    weights: weightsOf(v),
    store_errors: storeErrors.count,
  }
}

function weightsOf({ cycles, clock }: Validator): z.infer<typeof shape>['weights'] {
  const { current, confirmed, readBack, trouble, dueBlock } = cycles.status()
  return {
    state: current?.state ?? null,
    due: dueBlock,
    trouble,
    confirmed: confirmed && {
      block: confirmed.readBlock,
      at: isoOrNull(confirmed.readAt),
      age_s: confirmed.readAt === null ? null : Math.max(0, Math.round((clock.wallMs() - confirmed.readAt) / 1000)),
      uids: confirmed.uids.length,
    },
    read_back: readBack && { block: readBack.block, same: readBack.same },
  }
}
