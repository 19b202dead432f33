import { PROTOCOL } from '../../schema/protocol.ts'
import type { Ctx } from '../ctx.ts'
import { numbers, type Numbered, settingsOf } from '../store/numbers.ts'
import { readBrake } from './brakes.ts'
import { readRollback } from './restoreEpoch.ts'
import { readShards, type Shards } from './shards.ts'

/** One number, for one set of labels; and what a metric is. */
export type Sample = { labels?: Record<string, string>; value: number }
export type Metric = { name: string; help: string; type: 'gauge' | 'counter'; samples: Sample[] }

type Kind = Omit<Metric, 'name' | 'samples'>
const gauge = (help: string): Kind => ({ type: 'gauge', help })
const counter = (help: string): Kind => ({ type: 'counter', help })

/** Every number GET /metrics tells, by name. */
export const EDGE_METRICS = {
  compute_edge_info: gauge('Always 1; the labels say which edge answers'),
  compute_edge_allocations: gauge('Allocations that are not over, by the state clients see'),
  compute_edge_gpus: gauge('GPUs that miners show, by model; of the 100 most common'),
  compute_edge_gpus_claimed: gauge('GPUs that are rented out, or on their way to be, by model'),
  compute_edge_gpus_free: gauge('GPUs that nobody holds, by model; whether their miner takes claims is another question'),
  compute_edge_gpus_proving: gauge('GPUs that a proof has, by model'),
  compute_edge_gpus_kept: gauge('GPUs that were given back and are kept for a proof, ten minutes at most'),
  compute_edge_gpus_proved: gauge('GPUs whose last valid proof, by any validator, holds'),
  compute_edge_proofs_open: gauge('Proofs of GPU that are open, by how far they are'),
  compute_edge_proofs_ended: gauge('Proofs of GPU that ended within a day, by what came of them'),
  compute_edge_proof_age_seconds: gauge('Since any validator last closed a proof'),
  compute_edge_miners: gauge('Registered miners, by status'),
  compute_edge_agents: gauge('Hotkeys by role and standing, also those that may not act any more'),
  compute_edge_snapshot_block: gauge('Block of the chain that roles follow'),
  compute_edge_snapshot_age_seconds: gauge('How old the block is that roles follow'),
  compute_edge_snapshot_held: gauge('1 while a snapshot of the metagraph waits for a person, as it changes too much'),
  compute_edge_snapshot_posts: gauge('Latest snapshots that validators sent, by what became of them; 50 of each validator'),
  compute_edge_publication_age_seconds: gauge('Since any validator last published scores or penalties'),
  compute_edge_publishing_validators: gauge('Validators whose scores or penalties of the last 3 hours count'),
  compute_edge_miners_scored: gauge('Miners that validators proved something of lately'),
  compute_edge_tombstones: gauge('Containers that miners were told to stop and have not said to be gone'),
  compute_edge_placement_overdue_seconds: gauge('How long the oldest placement is past its deadline'),
  compute_edge_sweep_age_seconds: gauge('Since cron last swept'),
  compute_edge_shard_watched: gauge('Miners that a shard of the Hub watches, as of the last sweep'),
  compute_edge_shard_sockets: gauge('Wake sockets open at a shard, as of the last sweep'),
  compute_edge_shard_look_age_seconds: gauge('How long before the last sweep a shard had looked at its miners'),
  compute_edge_outbox_pending: gauge('Deliveries to webhooks that wait'),
  compute_edge_outbox_lag_seconds: gauge('How long the oldest delivery is overdue'),
  compute_edge_brake_engaged: gauge('1 while a brake holds a mass change back'),
  compute_edge_restored: gauge('1 when more than one miner in twenty holds a wish newer than this database gave'),
  compute_edge_epoch: gauge('Epoch of the wishes; raised after a restore'),
  compute_edge_events_total: counter('Events told since this database began'),
} satisfies Record<string, Kind>
export type EdgeMetric = keyof typeof EDGE_METRICS

/** The numbers of this edge, from the database alone: isolates share nothing, so none of them counts. */
export async function metrics(ctx: Ctx): Promise<Metric[]> {
  const nowMs = ctx.now()
  const [rows, settings] = await Promise.all([numbers(ctx.db, nowMs), settingsOf(ctx.db)])
  const seconds = (ms: number) => ms / 1000
  const sum = (name: string) => rows.filter((r) => r.name === name).reduce((n, r) => n + r.value, 0)
  const by = (name: string, label: string) => rows.filter((r) => r.name === name).map((r) => ({ labels: { [label]: r.label }, value: r.value }))
  const bare = (name: string, per: number) => rows.filter((r) => r.name === name).map((r) => ({ value: r.value / per }))
  const brake = readBrake(settings.get('brake'))
  const sweptAt = settings.get('swept_at')
  const shards = readShards(settings.get('shards'))
  const values: Record<EdgeMetric, Sample[]> = {
    compute_edge_info: [{ labels: { environment: ctx.config.ENVIRONMENT, netuid: String(ctx.config.NETUID), protocol: String(PROTOCOL) }, value: 1 }],
    compute_edge_allocations: by('allocations', 'state'),
    compute_edge_gpus: by('gpus', 'model'),
    compute_edge_gpus_claimed: by('gpus_claimed', 'model'),
    compute_edge_gpus_free: free(rows),
    compute_edge_gpus_proving: by('gpus_proving', 'model'),
    compute_edge_gpus_kept: [{ value: sum('gpus_kept') }],
    compute_edge_gpus_proved: [{ value: sum('gpus_proved') }],
    compute_edge_proofs_open: by('proofs_open', 'stage'),
    compute_edge_proofs_ended: by('proofs_ended', 'outcome'),
    compute_edge_proof_age_seconds: bare('proof_age', 1000),
    compute_edge_miners: by('miners', 'status'),
    compute_edge_agents: agents(rows),
    compute_edge_snapshot_block: bare('snapshot_block', 1),
    compute_edge_snapshot_age_seconds: bare('snapshot_age', 1000),
    compute_edge_snapshot_held: [{ value: sum('snapshot_held') }],
    compute_edge_snapshot_posts: by('snapshot_posts', 'outcome'),
    compute_edge_publication_age_seconds: bare('publication_age', 1000),
    compute_edge_publishing_validators: [{ value: sum('publishing') }],
    compute_edge_miners_scored: [{ value: sum('miners_scored') }],
    compute_edge_tombstones: [{ value: sum('tombstones') }],
    compute_edge_placement_overdue_seconds: [{ value: seconds(sum('overdue')) }],
    compute_edge_sweep_age_seconds: sweptAt === undefined ? [] : [{ value: seconds(nowMs - Number(sweptAt)) }],
    compute_edge_shard_watched: ofShards(shards, (s) => s.watched),
    compute_edge_shard_sockets: ofShards(shards, (s) => s.sockets),
    compute_edge_shard_look_age_seconds: ofShards(shards, (s) => (s.looked_at > 0 ? seconds(Math.max(0, Number(sweptAt) - s.looked_at)) : null)),
    compute_edge_outbox_pending: [{ value: sum('outbox_pending') }],
    compute_edge_outbox_lag_seconds: [{ value: seconds(sum('outbox_lag')) }],
    compute_edge_brake_engaged: [{ value: brake && brake.releasedMs === null ? 1 : 0 }],
    compute_edge_restored: [{ value: Number(readRollback(settings.get('restored'))?.believed ?? false) }],
    compute_edge_epoch: [{ value: Number(settings.get('epoch') ?? 0) }],
    compute_edge_events_total: [{ value: sum('events') }],
  }
  return Object.entries(EDGE_METRICS).map(([name, kind]) => ({ name, ...kind, samples: values[name as EdgeMetric] }))
}

const HOLDING: ReadonlySet<string> = new Set(['gpus_claimed', 'gpus_proving'])

function free(rows: Numbered[]): Sample[] {
  const held = (model: string) => rows.filter((r) => HOLDING.has(r.name) && r.label === model).reduce((n, r) => n + r.value, 0)
  return rows.filter((r) => r.name === 'gpus').map((r) => ({ labels: { model: r.label }, value: r.value - held(r.label) }))
}

function agents(rows: Numbered[]): Sample[] {
  return rows
    .filter((r) => r.name === 'agents')
    .map((r) => {
      const [role = '', standing = ''] = r.label.split(' ')
      return { labels: { role, standing }, value: r.value }
    })
}

function ofShards(shards: Shards, value: (s: NonNullable<Shards[string]>) => number | null): Sample[] {
  return Object.entries(shards).flatMap(([shard, s]) => {
    const v = s && value(s)
    return v === null ? [] : [{ labels: { shard }, value: v }]
  })
}
