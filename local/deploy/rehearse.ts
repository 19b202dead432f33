import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Mistake } from '../../node-agents/core/mistake.ts'
import { migrate } from '../database/migrate.ts'
import { startDatabase } from '../database/server.ts'
import { makeKeys } from '../edge/keys.ts'
import { startEdge } from '../edge/start.ts'
import { backUp } from './backup.ts'
import { tell } from './deploy.ts'
import { smoke } from './smoke.ts'
import type { Wrangler } from './wrangler.ts'

/** Everything of a deployment that needs no cloud: the bundle, the migrations on a fresh database, its export, and the smoke on a local edge. */
export async function rehearse(wrangler: Wrangler, say: (line: string) => void): Promise<boolean> {
  const { code, out } = await wrangler(['deploy', '--dry-run', '--outdir', '.build/deploy'])
  if (code !== 0) throw new Mistake('wrangler cannot build the Worker: npx wrangler deploy --dry-run says why')
  say(`built: ${/Total Upload: .*/.exec(out)?.[0] ?? 'the Worker'}`)
  const folder = await mkdtemp(join(tmpdir(), 'compute-rehearsal-'))
  const database = await startDatabase({ file: join(folder, 'database.sqlite') })
  try {
    say(`migrated: ${(await migrate(database.url)).join(', ')}`)
    if ((await migrate(database.url)).length > 0) throw new Mistake('migrations ran twice: schema/migrations/meta/_journal.json does not match the files')
    const kept = await backUp(database.url, undefined, join(folder, 'backup.sql'))
    say(`backed up ${kept.rows} rows of ${kept.tables} tables`)
    const keys = await makeKeys()
    const edge = await startEdge({ vars: { ...keys.vars, DATABASE_URL: database.url } })
    try {
      await edge.tick()
      return tell(await smoke({ url: edge.url, pin: keys.fingerprint, patienceMs: 30_000, pauseMs: 200 }), say)
    } finally {
      await edge.close()
    }
  } finally {
    await database.close()
    await rm(folder, { recursive: true, force: true })
  }
}
