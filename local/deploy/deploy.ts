import { Mistake } from '../../node-agents/core/mistake.ts'
import { migrate } from '../database/migrate.ts'
import { backUp } from './backup.ts'
import { type Finding, smoke, type SmokeOptions } from './smoke.ts'
import { checkAccount, currentVersion, type Wrangler } from './wrangler.ts'

export type DeployOptions = Omit<SmokeOptions, 'patienceMs'> & {
  database: { url: string; token?: string }
  /** Where the export of the database goes. */
  backup: string
  wrangler: Wrangler
  patienceMs: number
  say: (line: string) => void
}

/**
 * Back up, migrate, deploy, look from outside. Migrations only add, so the version that serves meanwhile works with the new tables too.
 * @returns whether all is green; when it is not, what to do was said
 */
export async function deploy({ database, backup, wrangler, say, ...look }: DeployOptions): Promise<boolean> {
  await checkAccount(wrangler)
  const before = await currentVersion(wrangler)
  say(`serving now: ${before ?? 'nothing'}`)
  const kept = await backUp(database.url, database.token, backup)
  say(`backed up ${kept.rows} rows of ${kept.tables} tables to ${kept.file}`)
  const applied = await migrate(database.url, database.token)
  say(applied.length > 0 ? `migrated: ${applied.join(', ')}` : 'the database is up to date')
  const { code } = await wrangler(['deploy', '--domain', new URL(look.url).hostname])
  if (code !== 0) throw new Mistake(`wrangler deploy failed: the version before still serves, and the migrations (they only add) do it no harm`)
  const green = tell(await smoke(look), say)
  say(rollback(before, kept.file))
  return green
}

/** Says each finding. @returns whether all are good */
export function tell(findings: Finding[], say: (line: string) => void): boolean {
  for (const { name, ok, detail } of findings) say(`${ok ? 'ok ' : 'RED'} ${name}: ${detail}`)
  return findings.every((f) => f.ok)
}

function rollback(before: string | null, file: string): string {
  return [
    `To go back: ${before ? `npx wrangler rollback ${before}` : 'there is no version before this one'}`,
    '  The database stays as it is: migrations only add, and the version before works with it.',
    `  Only for lost or damaged data: restore the database (Turso point in time, or ${file}), then compute admin restore-epoch. See docs/operate.md.`,
  ].join('\n')
}
