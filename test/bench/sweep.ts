import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../../local/database/migrate.ts'
import { startDatabase } from '../../local/database/server.ts'
import { query } from '../support/database.ts'
import { startTestEdge } from '../support/edge.ts'
import { Meter } from '../support/meter.ts'
import { type Bench, median, round, timed } from './measure.ts'

const TICKS = 7

/** So many running rentals, each on a miner of its own; one miner in a hundred is unreachable with its rental marked so. */
async function seed(url: string, rentals: number): Promise<void> {
  const now = Date.now()
  const series = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${rentals})`
  const hotkey = "printf('5%s%012d', char(65 + i % 8), i)"
  const id = "printf('al_%026d', i)"
  for (const statement of [
    `${series} INSERT INTO agents (hotkey, role, source, changed_at) SELECT ${hotkey}, 'miner', 'allow', ${now} FROM n`,
    `${series} INSERT INTO miners (hotkey, install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at, online, online_at)
       SELECT ${hotkey}, 'in', 2, 'bench', 'docker', 'runc', 1, '127.0.0.1', 128, 1000000, 4000000, ${now}, CASE WHEN i % 100 = 0 THEN 'unreachable' ELSE 'online' END, ${now - 3600_000} FROM n`,
    `${series} INSERT INTO allocations (id, purpose, holder, trace_id, created_at, desired, generation, incarnation, ssh_keys, expires_at, spec, limits, hotkey, exclusive, gpu_want, gpu_got, tried,
         ready_by, phase, fact_incarnation, observed_generation, ready_at, unreachable_since, warn_at)
       SELECT ${id}, 'rent', printf('tenant-%d', i % 100), 't', ${now}, 'run', 1, 1, '[]', ${now + 48 * 3600_000}, '{}', '{}', ${hotkey}, 0, 1, 1, '[]',
         ${now}, 'running', 1, 1, ${now}, CASE WHEN i % 100 = 0 THEN ${now} END, ${now + 24 * 3600_000} FROM n`,
    `${series} INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at) SELECT ${hotkey}, 'GPU-' || i, 0, 'H200', 'h200', 143771, 1, ${now}, ${now} FROM n`,
    `${series} INSERT INTO claims (allocation_id, incarnation, hotkey, uuid, claimed_at) SELECT ${id}, 1, ${hotkey}, 'GPU-' || i, ${now} FROM n`,
  ])
    await query(url, statement)
}

/** Milliseconds of each tick, and the statements of one. */
async function ticks(rentals: number): Promise<{ sample: number[]; statements: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-sweep-'))
  const database = await startDatabase({ file: join(folder, 'edge.db') })
  await migrate(database.url)
  await seed(database.url, rentals)
  const meter = await Meter.before(database.url)
  const edge = await startTestEdge(meter.url)
  await edge.running.tick()
  const sample: number[] = []
  let statements = Infinity
  for (let i = 0; i < TICKS; i++) {
    meter.read()
    sample.push(await timed(() => edge.running.tick()))
    statements = Math.min(statements, meter.read().statements) // a shard may have looked at the same time
  }
  await edge.close()
  await meter.close()
  await database.close()
  await rm(folder, { recursive: true, force: true })
  return { sample, statements }
}

/** One tick of cron over 10,000 rentals, end to end; how it grows from 1,000 to 100,000. */
export const bench: Bench = async () => {
  const [small, middle, large] = [await ticks(1000), await ticks(10_000), await ticks(100_000)]
  const [least, value, most] = [median(small.sample), median(middle.sample), median(large.sample)]
  const to = (n: string, ms: number) => `the same with ${n} rentals (${round(ms)} ms)`
  return [
    { name: 'sweep_10k', value: round(value), unit: 'ms', to: to('1,000', least), ratio: round(value / least), n: TICKS },
    { name: 'sweep_100k', value: round(most), unit: 'ms', to: to('1,000', least), ratio: round(most / least), n: TICKS },
    {
      name: 'sweep_statements',
      value: large.statements,
      unit: 'statements',
      to: `with 1,000 rentals (${small.statements})`,
      ratio: round(large.statements / small.statements),
      n: TICKS,
    },
  ]
}
