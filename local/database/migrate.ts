import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client/web'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'

const FOLDER = join(import.meta.dirname, '../../schema/migrations')

/** Drizzle's own bookkeeping, plus an index that lets only one of two concurrent starts apply a migration. */
const BOOKKEEPING = [
  'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
  'CREATE UNIQUE INDEX IF NOT EXISTS __drizzle_migrations_once ON __drizzle_migrations (created_at)',
]

type Migration = MigrationMeta & { tag: string }

/**
 * Brings a database up to the newest of `folder`, each migration in one transaction of its own. Running it again changes nothing.
 * @returns the tags applied now
 * @throws with the name of the migration that failed, or that was edited after it had been applied
 */
export async function migrate(url: string, token?: string, folder = FOLDER): Promise<string[]> {
  const client = createClient({ url, ...(token && { authToken: token }) })
  try {
    await client.batch(BOOKKEEPING, 'write')
    const applied = await appliedHashes(client)
    const done: string[] = []
    for (const migration of migrationsOf(folder)) {
      const hash = applied.get(migration.folderMillis)
      if (hash === undefined && (await apply(client, migration))) done.push(migration.tag)
      if (hash !== undefined && hash !== migration.hash)
        throw new Error(
          `migration ${migration.tag} was edited after it had been applied to ${url}: restore it and add a new one, or start from an empty database`,
        )
    }
    return done
  } finally {
    client.close()
  }
}

function migrationsOf(folder: string): Migration[] {
  const journal: { entries: { tag: string }[] } = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'))
  return readMigrationFiles({ migrationsFolder: folder }).map((meta, i) => ({ ...meta, tag: journal.entries[i]?.tag ?? String(i) }))
}

async function appliedHashes(client: Client): Promise<Map<number, string>> {
  const { rows } = await client.execute('SELECT created_at, hash FROM __drizzle_migrations')
  return new Map(rows.map((row) => [Number(row['created_at']), String(row['hash'])]))
}

/** False: another process applied it in the meantime. `client.migrate` turns foreign keys off around, for tables that are rebuilt. */
async function apply(client: Client, { tag, hash, folderMillis, sql }: Migration): Promise<boolean> {
  const claim = { sql: 'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)', args: [hash, folderMillis] }
  try {
    await client.migrate([claim, ...sql])
    return true
  } catch (cause) {
    if ((await appliedHashes(client)).has(folderMillis)) return false
    throw new Error(`migration ${tag} failed and was rolled back: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
