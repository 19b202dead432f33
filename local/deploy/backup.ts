import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Client, createClient, type InValue, type Value } from '@libsql/client/web'

const ROWS_AT_A_TIME = 2000

export type Backup = { file: string; tables: number; rows: number }
type Made = { type: string; name: string; sql: string }

/**
 * Writes a database as SQL that makes it anew: tables, rows, then indexes and triggers (which must not fire on the rows). Each table is read
 * in pages, so what is written meanwhile may be in or not: it is what one falls back on, besides Turso's own point-in-time restore.
 * Only its owner may read the file: it holds what tenants sent.
 */
export async function backUp(url: string, token: string | undefined, file: string): Promise<Backup> {
  const client = createClient({ url, ...(token && { authToken: token }) })
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const out = await open(file, 'wx', 0o600)
  try {
    const { rows } = await client.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    const made = rows.map((r) => ({ type: String(r['type']), name: String(r['name']), sql: String(r['sql']) }))
    const tables = made.filter((m) => m.type === 'table')
    await out.write('PRAGMA foreign_keys = OFF;\nBEGIN;\n')
    for (const { sql } of tables) await out.write(`${sql};\n`)
    let count = 0
    for (const { name } of tables) count += await rowsOf(client, name, out)
    await sequences(client, out)
    await after(made, out)
    await out.write('COMMIT;\n')
    await out.sync()
    return { file, tables: tables.length, rows: count }
  } finally {
    await out.close()
    client.close()
  }
}

async function rowsOf(client: Client, table: string, out: FileHandle): Promise<number> {
  let count = 0
  for (let last: InValue = -1n; ;) {
    const { rows, columns } = await client.execute({
      sql: `SELECT rowid AS "rowid at", * FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_AT_A_TIME}`,
      args: [last],
    })
    const names = columns.slice(1)
    for (const row of rows)
      await out.write(`INSERT INTO "${table}" (${names.map((n) => `"${n}"`).join(', ')}) VALUES (${names.map((n) => literal(row[n])).join(', ')});\n`)
    count += rows.length
    const end = rows.at(-1)
    if (!end || rows.length < ROWS_AT_A_TIME) return count
    last = BigInt(Number(end['rowid at']))
  }
}

/** Ids that only grow must not begin anew. */
async function sequences(client: Client, out: FileHandle): Promise<void> {
  const { rows } = await client.execute("SELECT name FROM sqlite_master WHERE name = 'sqlite_sequence'")
  if (rows.length === 0) return
  await out.write('DELETE FROM sqlite_sequence;\n')
  for (const row of (await client.execute('SELECT name, seq FROM sqlite_sequence')).rows)
    await out.write(`INSERT INTO sqlite_sequence (name, seq) VALUES (${literal(row['name'])}, ${literal(row['seq'])});\n`)
}

async function after(made: Made[], out: FileHandle): Promise<void> {
  for (const type of ['index', 'trigger', 'view']) for (const m of made.filter((each) => each.type === type)) await out.write(`${m.sql};\n`)
}

function literal(value: Value | undefined): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string') return text(value)
  if (value instanceof ArrayBuffer) return `X'${Buffer.from(value).toString('hex')}'`
  return String(value)
}

/** NUL ends a statement for most readers, so a text that has one goes as bytes. */
function text(value: string): string {
  return value.includes('\0') ? `CAST(X'${Buffer.from(value).toString('hex')}' AS TEXT)` : `'${value.replaceAll("'", "''")}'`
}
