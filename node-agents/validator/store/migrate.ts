import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@libsql/client/sqlite3'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import type { Log } from '../../core/log.ts'
import { Mistake, reason } from '../../core/mistake.ts'
import { backUp, listOfBackups } from './backup.ts'

export const MIGRATIONS = join(import.meta.dirname, '../../../schema/migrations-validator')

/** Drizzle's own bookkeeping. */
const BOOKKEEPING = 'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)'

type Migration = MigrationMeta & { tag: string }

/**
 * Brings the database up to the newest of `folder`, each migration in one transaction of its own. One with something in it is backed up
 * first. Running it again changes nothing.
 * @throws Mistake when the file is damaged, or was written by a newer version, or when a migration fails: then it is as it was before that one
 */
export async function migrate(client: Client, dir: string, log: Log, folder: string): Promise<void> {
  await checkWhole(client)
  await client.execute(BOOKKEEPING)
  const applied = await appliedHashes(client)
  const known = migrationsOf(folder)
  await checkKnown(applied, known, dir)
  const due = known.filter((m) => !applied.has(m.folderMillis))
  const [first] = due
  if (first && applied.size > 0)
    log.info({ backup: await backUp(client, dir, first.tag) }, 'the database was backed up before it is brought up to this version')
  for (const migration of due) await apply(client, migration, dir)
}

/** A damaged page may be met only weeks later, in the middle of a round. */
async function checkWhole(client: Client): Promise<void> {
  const { rows } = await client.execute('PRAGMA quick_check(1)')
  const found = String(rows[0]?.['quick_check'])
  if (found !== 'ok') throw Object.assign(new Error(found), { code: 'SQLITE_CORRUPT' })
}

function migrationsOf(folder: string): Migration[] {
  const journal: { entries: { tag: string }[] } = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'))
  return readMigrationFiles({ migrationsFolder: folder }).map((meta, i) => ({ ...meta, tag: journal.entries[i]?.tag ?? String(i) }))
}

async function appliedHashes(client: Client): Promise<Map<number, string>> {
  const { rows } = await client.execute('SELECT created_at, hash FROM __drizzle_migrations')
  return new Map(rows.map((row) => [Number(row['created_at']), String(row['hash'])]))
}

/** What this version does not know was made by a newer one, and what looks otherwise by another one. */
async function checkKnown(applied: Map<number, string>, known: Migration[], dir: string): Promise<void> {
  for (const [at, hash] of applied) {
    const same = known.find((m) => m.folderMillis === at)
    if (same?.hash === hash) continue
    const what = same ? `has another ${same.tag} than this version` : `was written by a newer version (its migration of ${new Date(at).toISOString()})`
    throw new Mistake(`${join(dir, 'validator.db')} ${what}: run the version that wrote it, or ${await listOfBackups(dir)}`)
  }
}

async function apply(client: Client, { tag, hash, folderMillis, sql }: Migration, dir: string): Promise<void> {
  const claim = { sql: 'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)', args: [hash, folderMillis] }
  try {
    await client.batch([claim, ...sql], 'write')
  } catch (cause) {
    throw new Mistake(
      `${join(dir, 'validator.db')} could not be brought up to this version: migration ${tag} failed and was undone (${reason(cause)}). ` +
        `Nothing is lost: run the version that wrote it, or ${await listOfBackups(dir)}`,
      cause,
    )
  }
}
