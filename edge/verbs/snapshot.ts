import { sql, type SQL } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { Role } from '../../schema/miner.ts'
import { type Snapshot, snapshotDigest, type SnapshotNeuron, type SnapshotTaken } from '../../schema/snapshot.ts'
import type { Ctx } from '../ctx.ts'
import { record } from '../store/audit.ts'
import { read, type Rows, write } from '../store/db.ts'
import { rank, weighValidators } from '../store/ranking.ts'
import { agentOf, agentsAmong, changeAgents } from '../store/roster.ts'
import { type Act, applied, hear, type Said, settle, won } from '../store/snapshots.ts'
import { type Agent, type Plan, planRoles, seatsOf } from './roles.ts'

/** While one is decided another may be: then what it says is compared anew. */
const ROUNDS = 4

/** So many trusted validators must say the same. */
export const majority = (validators: number) => Math.floor(validators / 2) + 1

/**
 * Takes what a trusted validator says the chain says. Once most of them say the same, roles follow it, unless it changes too much.
 * Every word is written down, also one that changes nothing. Sent again it answers the same. Throws `unavailable`.
 */
export async function takeSnapshot(ctx: Ctx, { hotkey, snapshot }: { hotkey: string; snapshot: Snapshot }): Promise<SnapshotTaken> {
  const { NETUID: netuid, TRUSTED_VALIDATORS: trusted } = ctx.config
  const said: Said = { hotkey, snapshot, digest: snapshotDigest(snapshot), netuid, trusted, nowMs: ctx.now(), trace: ctx.trace }
  for (let round = 0; round < ROUNDS; round++) {
    const [row] = (await write(ctx.db, hear(said))).at(-1) ?? []
    const heard = row as { outcome: SnapshotTaken['outcome']; votes: number; block: number | null }
    const needed = majority(trusted.length)
    const decided = heard.outcome === 'counted' && heard.votes >= needed ? await decide(ctx, said) : heard.outcome
    if (decided === null) continue
    const applied_block = decided === 'applied' && heard.outcome === 'counted' ? snapshot.block : heard.block
    ctx.log.info('snapshot', { hotkey, block: snapshot.block, digest: said.digest, outcome: decided, votes: heard.votes })
    return { outcome: decided, digest: said.digest, votes: heard.votes, needed, applied_block }
  }
  throw new Problem('unavailable', 'other snapshots were decided meanwhile; send it again')
}

/** What is known before a snapshot is decided on: who is here, and what was applied before. */
export type Basis = { agents: Agent[]; before: ReadonlyMap<string, Role> | null; was: string | null }

export async function basisOf(ctx: Ctx, neurons: SnapshotNeuron[]): Promise<Basis> {
  const [last, agents] = (await read(ctx.db, [applied(), agentsAmong(neurons.map((n) => n.hotkey))])) as [Rows, Rows]
  const row = last[0] as { digest: string; neurons: string } | undefined
  const before = row ? new Map(seatsOf(JSON.parse(row.neurons) as SnapshotNeuron[]).map((s) => [s.hotkey, s.role])) : null
  return { agents: agents.map(agentOf), before, was: row?.digest ?? null }
}

type Enacted = { block: number; neurons: SnapshotNeuron[]; plan: Plan; actor: string }

/** Statements by which an agreed snapshot is held, or roles follow it. The last one has a row when this act won. One that changes nothing leaves no entry in the log, which is kept for ever. */
export function enact(ctx: Ctx, act: Act, { block, neurons, plan, actor }: Enacted): SQL[] {
  const { changes, detail, held } = plan
  const noted = held ? 'snapshot_held' : act.from === 'held' ? 'snapshot_accepted' : 'snapshot_applied'
  const worthIt = held || act.from === 'held' || act.was === null || detail.hotkeys.length > 0
  return [
    ...settle(act, held ? 'held' : 'applied', { block, neurons, detail }),
    ...(held ? [] : [...changeAgents(changes, act.nowMs, won(act)), weighValidators(won(act)), rank(act.nowMs)]),
    ...(worthIt ? [record(ctx, actor, noted, act.digest, { block, ...detail }, won(act))] : []),
    sql`SELECT 1 AS won WHERE ${won(act)}`,
  ]
}

/** @returns what became of it, or null when something else was decided meanwhile. */
async function decide(ctx: Ctx, { hotkey, digest, snapshot: { block, neurons }, nowMs }: Said): Promise<'applied' | 'held' | null> {
  const { was, ...known } = await basisOf(ctx, neurons)
  const plan = planRoles({ ...known, seats: seatsOf(neurons), accepted: false, keepAllowed: ctx.config.ENVIRONMENT === 'development' })
  const act: Act = { digest, from: 'collecting', was, token: crypto.randomUUID(), nowMs }
  const results = await write(ctx.db, enact(ctx, act, { block, neurons, plan, actor: hotkey }))
  if (results.at(-1)?.length !== 1) return null
  const { seen, known: agents, counts } = plan.detail
  const told = { block, digest, seen, agents, changes: JSON.stringify(counts) }
  if (plan.held) ctx.log.error('snapshot_held', told)
  else ctx.log.info('snapshot_applied', told)
  return plan.held ? 'held' : 'applied'
}
