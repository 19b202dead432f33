import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../../local/database/migrate.ts'
import { startDatabase } from '../../local/database/server.ts'
import { startTestEdge } from '../support/edge.ts'
import { idleRequests } from '../support/idle.ts'
import { Meter } from '../support/meter.ts'
import { type Bench, round } from './measure.ts'

const HOURS = 1000
const SYNCS = 30
/** What the design allows an idle miner. */
const ALLOWED = 7

/** What a miner with nothing to tell costs in an hour: requests of the agent's own loop over simulated time, and rows of real full syncs. */
export const bench: Bench = async () => {
  const requests = (await idleRequests(HOURS)) / HOURS
  const folder = await mkdtemp(join(tmpdir(), 'bench-sync-'))
  const database = await startDatabase({ file: join(folder, 'edge.db') })
  await migrate(database.url)
  const meter = await Meter.before(database.url)
  const edge = await startTestEdge(meter.url)
  const miner = await edge.miner(8)
  await miner.sync()
  meter.read()
  for (let i = 0; i < SYNCS; i++) await miner.sync()
  const { written, given } = meter.read()
  await edge.close()
  await meter.close()
  await database.close()
  await rm(folder, { recursive: true, force: true })
  const hourly = (rows: number) => round((rows / SYNCS) * requests)
  return [
    {
      name: 'sync_idle_requests_per_hour',
      value: round(requests),
      unit: 'requests',
      to: `what the design allows (${ALLOWED})`,
      ratio: round(requests / ALLOWED),
      n: HOURS,
    },
    { name: 'sync_idle_rows_per_hour', value: hourly(written), unit: 'rows written', n: SYNCS, note: `${hourly(given)} rows an hour come back from reads` },
  ]
}
