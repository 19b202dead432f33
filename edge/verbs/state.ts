import type { Penalties, Scores } from '../../schema/publication.ts'
import type { StateGpu, StateMiner, ValidatorState } from '../../schema/validator-state.ts'
import type { Online } from '../../schema/tables/agents.ts'
import type { Ctx } from '../ctx.ts'
import { read, type Rows } from '../store/db.ts'
import { othersPublished, stateMiners } from '../store/state.ts'

type MinerRow = {
  hotkey: string
  version: string
  online: Online
  address: string
  simulated: number
  reportedAt: number | null
  available: number
  proofDue: number
  gpus: string
}
type Published = { kind: 'scores' | 'penalties'; document: string }

/** The market as it is, and what other validators published of late: two statements, as of one moment. @param asker a validator */
export async function stateOf(ctx: Ctx, asker: string): Promise<ValidatorState> {
  const { NETUID: netuid, ENVIRONMENT } = ctx.config
  const development = ENVIRONMENT === 'development'
  const at_ms = ctx.now()
  const [miners, published] = (await read(ctx.db, [stateMiners(at_ms, development), othersPublished(asker, at_ms)])) as [Rows, Rows]
  const documents = (kind: Published['kind']) => (published as Published[]).filter((p) => p.kind === kind).map((p) => JSON.parse(p.document) as unknown)
  return {
    netuid,
    development,
    at_ms,
    miners: (miners as MinerRow[]).map(miner),
    scores: documents('scores') as Scores[],
    penalties: documents('penalties') as Penalties[],
  }
}

function miner({ simulated, reportedAt, available, proofDue, gpus, ...same }: MinerRow): StateMiner {
  const flags = { available: available === 1, simulated: simulated === 1, proof_due: proofDue === 1 }
  return { ...same, ...flags, reported_at_ms: reportedAt, gpus: JSON.parse(gpus) as StateGpu[] }
}
