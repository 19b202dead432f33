import { startDatabase } from '../../local/database/server.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../../local/database/migrate.ts'
import { IMAGE } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { startTestEdge } from '../support/edge.ts'
import { type Bench, type Figure, median, quantile, round, timed } from './measure.ts'

const WARM_UP = 10
const RUNS = 200
const MARKETS = { small: 100, large: 10_000 }
const GPUS_EACH = 8

/** A market of so many miners with eight GPUs, three in ten of which are free, written straight into the tables. */
async function seed(url: string, miners: number): Promise<void> {
  const now = Date.now()
  const series = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${miners})`
  const hotkey = "printf('5%s%012d', char(65 + i % 8), i)"
  for (const statement of [
    `${series} INSERT INTO agents (hotkey, role, source, changed_at) SELECT ${hotkey}, 'miner', 'allow', ${now} FROM n`,
    `${series} INSERT INTO miners (hotkey, install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at, report_at, full_report_at)
       SELECT ${hotkey}, 'in', 1, 'bench', 'docker', 'runc', 1, '127.0.0.1', 128, 1000000, 4000000, ${now}, ${now}, ${now} FROM n`,
    `${series} INSERT INTO miner_images SELECT ${hotkey}, '${IMAGE}', i % 2 FROM n`,
    `${series}, g(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM g WHERE k < ${GPUS_EACH - 1})
       INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, claimed_by, first_seen_at, seen_at)
       SELECT ${hotkey}, printf('GPU-%d-%d', i, k), k, 'NVIDIA H200', 'nvidia h200', 143771, 1, CASE WHEN (i * ${GPUS_EACH} + k) % 10 < 7 THEN 'al_seed' END, ${now}, ${now} FROM n, g`,
    'ANALYZE',
  ]) {
    await query(url, statement).catch((e: unknown) => {
      if (statement !== 'ANALYZE') throw e
    })
  }
}

async function claims(miners: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-claim-'))
  const database = await startDatabase({ file: join(folder, 'edge.db') })
  await migrate(database.url)
  await seed(database.url, miners)
  const edge = await startTestEdge(database.url)
  const key = await edge.key('bench')
  const sample: number[] = []
  for (let i = 0; i < WARM_UP + RUNS; i++) {
    const free = miners * GPUS_EACH * 0.3 - i
    if (free < 2) break
    const ms = await timed(async () => {
      const answer = await edge.allocate(key)
      if (answer.status !== 202) throw new Error(`claim ${i}: ${JSON.stringify(answer.body)}`)
    })
    if (i >= WARM_UP) sample.push(ms)
  }
  await edge.close()
  await database.close()
  await rm(folder, { recursive: true, force: true })
  return sample
}

/** POST /v1/allocations until its 202, over real HTTP, in a market of 80,000 GPUs on 10,000 miners; compared with one of 80 on 10. */
export const bench: Bench = async () => {
  const small = await claims(MARKETS.small)
  const large = await claims(MARKETS.large)
  const figure = (name: string, p: number): Figure => {
    const [value, to] = [quantile(large, p), p === 0.5 ? median(small) : quantile(small, p)]
    return {
      name,
      value: round(value),
      unit: 'ms',
      to: `the same with 800 GPUs on 100 miners (${round(to)} ms, n=${small.length})`,
      ratio: round(value / to),
      n: large.length,
    }
  }
  return [figure('claim_p50', 0.5), figure('claim_p99', 0.99)]
}
