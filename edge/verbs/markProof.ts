import { sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import { type MarkProof, type ProofState, type ProofVerdict, verdictStatement } from '../../schema/proof.ts'
import type { Ctx } from '../ctx.ts'
import { read, write } from '../store/db.ts'
import { type Mark, markClose, markCommitted, markGo, proofOf, type ProofRow, proofRow } from '../store/proofs.ts'
import { checkVerdict } from './proofVerdict.ts'
import { proofView } from './proofView.ts'

export type Marking = { validator: string; id: string; mark: MarkProof }

/**
 * Takes how far a proof is. The same mark again changes nothing. Every guard stands in the statement itself, so a rent that takes the
 * cards at the same moment is either before `go` or too late. Throws `not_found`, `conflict`, `invalid_request`.
 */
export async function markProof(ctx: Ctx, { validator, id, mark }: Marking): Promise<ProofState> {
  const at: Mark = { validator, id, nowMs: ctx.now() }
  if (mark.mark === 'close') return close(ctx, at, mark.verdict)
  const [, rows] = await write(ctx.db, [mark.mark === 'go' ? markGo(at) : markCommitted(at, mark.digest), proofOf(validator, sql`p.id = ${id}`)])
  const row = found(rows?.[0], id)
  const view = proofView(row, ctx.now())
  if (mark.mark === 'committed') refuseCommitted(row, view, mark.digest)
  else if (row.goAt === null || isOver(row)) throw new Problem('conflict', whyNot(view, 'it waits until its server answers'))
  ctx.log.info('proof_marked', { proof: id, mark: mark.mark, hotkey: row.hotkey })
  return view
}

async function close(ctx: Ctx, at: Mark, verdict: ProofVerdict): Promise<ProofState> {
  const { validator, id } = at
  const [before] = await read(ctx.db, [proofOf(validator, sql`p.id = ${id}`)])
  checkVerdict(ctx, validator, found(before?.[0], id), verdict)
  const counts = !verdict.simulated || ctx.config.ENVIRONMENT === 'development'
  const results = await write(ctx.db, [...markClose(at, verdict, counts), proofOf(validator, sql`p.id = ${id}`)])
  const row = found(results.at(-1)?.[0], id)
  const view = proofView(row, ctx.now())
  if (row.verdict === null) throw new Problem('conflict', whyNot(view, 'nothing was committed to, so nothing can be proved'))
  if (verdictStatement(row.verdict) !== verdictStatement(verdict)) throw new Problem('conflict', 'another verdict closed it')
  ctx.defer('wake', ctx.hub(row.hotkey).wake(row.hotkey))
  ctx.defer('changed', ctx.feed(validator).changed([id]))
  ctx.log.info('proof_closed', { proof: id, validator, hotkey: row.hotkey, result: verdict.result, state: view.state })
  return view
}

function found(raw: Record<string, unknown> | undefined, id: string): ProofRow {
  if (!raw) throw new Problem('not_found', `no proof ${id}`)
  return proofRow(raw)
}

const isOver = (row: ProofRow) => row.endedAt !== null && row.closedAt === null

function refuseCommitted(row: ProofRow, view: ProofState, digest: string): void {
  if (row.committedAt === null) throw new Problem('conflict', whyNot(view, 'say go before'))
  if (row.digest !== digest) throw new Problem('conflict', 'it committed to something else')
}

const OVER: Partial<Record<ProofState['state'], string>> = {
  preempted: 'a client took its cards',
  failed: 'its miner failed it',
  expired: 'it was open for too long',
  closed: 'it is closed',
}
const whyNot = (view: ProofState, otherwise: string): string => `${view.id}: ${OVER[view.state] ?? otherwise}`
