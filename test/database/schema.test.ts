import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql/web'
import { migrate as drizzleMigrate } from 'drizzle-orm/libsql/migrator'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { migrate } from '../../local/database/migrate.ts'
import { apiKeys, audit, claims, events, gpus } from '../../schema/tables/index.ts'
import { startDatabase } from '../../local/database/server.ts'
import { onEveryDatabase, query } from '../support/database.ts'

const scratch = mkdtempSync(join(tmpdir(), 'compute-migrations-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A folder as drizzle-kit writes it. @param age orders folders in time, as drizzle orders migrations */
function folderOf(age: number, migrations: Record<string, string>): string {
  const folder = mkdtempSync(join(scratch, 'm-'))
  mkdirSync(join(folder, 'meta'), { recursive: true })
  const entries = Object.keys(migrations).map((tag, idx) => ({ idx, version: '6', when: 4_000_000_000_000 + age * 10 + idx, tag, breakpoints: true }))
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'sqlite', entries }))
  for (const [tag, text] of Object.entries(migrations)) writeFileSync(join(folder, `${tag}.sql`), text)
  return folder
}

onEveryDatabase('migrations', (client, database) => {
  const named = async (glob: string) => {
    const { rows } = await client().execute({ sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ? ORDER BY rowid", args: [glob] })
    return rows.map((row) => row['name'])
  }

  it('change nothing the second time', async () => {
    expect(await migrate(database().url)).toEqual([])
    expect(await named('claims')).toEqual(['claims'])
  })

  it('are the ones drizzle itself would apply', async () => {
    await drizzleMigrate(drizzle(client()), { migrationsFolder: join(import.meta.dirname, '../../schema/migrations') })
    const { entries } = JSON.parse(readFileSync(join(import.meta.dirname, '../../schema/migrations/meta/_journal.json'), 'utf8')) as { entries: unknown[] }
    const [row] = (await client().execute('SELECT count(DISTINCT hash) AS n, count(*) AS m FROM __drizzle_migrations')).rows
    expect(row).toMatchObject({ n: entries.length, m: entries.length })
  })

  it('keep what was applied, name the one that fails, and refuse one edited afterwards', async () => {
    const good = 'CREATE TABLE m_one (a INT);\n--> statement-breakpoint\nCREATE TABLE m_two (a INT);'
    const bad = 'CREATE TABLE m_three (a INT);\n--> statement-breakpoint\nINSERT INTO m_nowhere VALUES (1);'
    const broken = migrate(database().url, undefined, folderOf(1, { '0000_good': good, '0001_bad': bad }))
    await expect(broken).rejects.toThrow(/migration 0001_bad failed and was rolled back: .*m_nowhere/)
    expect(await named('m_*')).toEqual(['m_one', 'm_two'])
    const mended = folderOf(1, { '0000_good': good, '0001_bad': 'CREATE TABLE m_three (a INT);' })
    expect(await migrate(database().url, undefined, mended)).toEqual(['0001_bad'])
    expect(await migrate(database().url, undefined, mended)).toEqual([])
    const edited = folderOf(1, { '0000_good': 'CREATE TABLE m_one (a INT, b INT);' })
    await expect(migrate(database().url, undefined, edited)).rejects.toThrow(/migration 0000_good was edited/)
  })

  it('are applied once by two starts at the same time', async () => {
    const folder = folderOf(2, { '0000_once': 'CREATE TABLE IF NOT EXISTS both (n INT);\n--> statement-breakpoint\nINSERT INTO both VALUES (1);' })
    const applied = await Promise.all([migrate(database().url, undefined, folder), migrate(database().url, undefined, folder)])
    expect(applied.flat()).toEqual(['0000_once'])
    expect((await client().execute('SELECT count(*) AS n FROM both')).rows[0]?.['n']).toBe(1)
  })

  it('rebuild a table that others point at', async () => {
    await client().batch(["INSERT INTO agents (hotkey, role, source, changed_at) VALUES ('5A', 'miner', 'allow', 1)"], 'write')
    const columns = 'SELECT * FROM agents'
    const rebuild = [
      'CREATE TABLE agents_new AS ' + columns,
      'CREATE TABLE kids (h TEXT REFERENCES agents (hotkey))',
      "INSERT INTO kids VALUES ('5A')",
      'DROP TABLE agents',
      'ALTER TABLE agents_new RENAME TO agents',
    ]
    await migrate(database().url, undefined, folderOf(3, { '0000_rebuild': rebuild.join(';\n--> statement-breakpoint\n') }))
    expect((await client().execute('SELECT hotkey FROM agents')).rows[0]?.['hotkey']).toBe('5A')
    expect((await client().execute('PRAGMA foreign_keys')).rows[0]?.[0]).toBe(1)
  })
})

/** A database with the first `n` migrations only. */
async function before(n: number) {
  const real = join(import.meta.dirname, '../../schema/migrations')
  const folder = mkdtempSync(join(scratch, 'm-'))
  cpSync(real, folder, { recursive: true })
  const journal = JSON.parse(readFileSync(join(real, 'meta/_journal.json'), 'utf8')) as { entries: unknown[] }
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ ...journal, entries: journal.entries.slice(0, n) }))
  const database = await startDatabase({ file: ':memory:' })
  onTestFinished(() => database.close())
  await migrate(database.url, undefined, folder)
  return database
}

it('a drain from before anybody wrote who drained is one by a person', async () => {
  const database = await before(3)
  await query(
    database.url,
    "INSERT INTO agents (hotkey, role, standing, source, changed_at) VALUES ('a', 'miner', 'draining', 'allow', 1), ('b', 'miner', 'active', 'allow', 1)",
  )
  expect(await migrate(database.url)).toContain('0003_snapshots')
  expect(await query(database.url, 'SELECT drained_by FROM agents ORDER BY hotkey')).toEqual([{ drained_by: 'operator' }, { drained_by: null }])
})

it('rents that were over before anybody counted are counted', async () => {
  const database = await before(4)
  const rent = (id: string, purpose: string, o: { ready?: number; incarnation?: number; stop?: number }) =>
    query(
      database.url,
      `INSERT INTO allocations (id, purpose, holder, trace_id, created_at, desired, stop_at, generation, incarnation, ssh_keys, expires_at, spec, limits, hotkey, exclusive, gpu_want, gpu_got, tried, ready_by, ready_at)
       VALUES ('${id}', '${purpose}', 'h', 't', 1, 'stop', ${o.stop ?? 'NULL'}, 1, ${o.incarnation ?? 1}, '[]', 1, '{}', '{}', '5F', 0, 1, 1, '[]', 1, ${o.ready ?? 'NULL'})`,
    )
  await query(
    database.url,
    "INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at) VALUES ('5F', 'g', 0, 'x', 'x', 1, 0, 1, 1)",
  )
  await rent('served', 'rent', { ready: 120, stop: 190 })
  await rent('again', 'rent', { ready: 320, stop: 900 })
  await rent('never ready', 'rent', { stop: 1000 })
  await rent('elsewhere now', 'rent', { ready: 1, incarnation: 2, stop: 1000 })
  await rent('proof', 'proof', { ready: 1, stop: 1000 })
  for (const [id, from, to] of [
    ['served', 100, 200],
    ['again', 300, 350],
    ['never ready', 400, 500],
    ['elsewhere now', 500, 600],
    ['proof', 600, 700],
  ])
    await query(database.url, `INSERT INTO claims VALUES ('${id}', 1, '5F', 'g', ${from}, ${to})`)
  expect(await migrate(database.url)).toContain('0004_publications')
  expect(await query(database.url, 'SELECT rented_ms FROM gpus')).toEqual([{ rented_ms: 90 + 50 }])
})

onEveryDatabase('drizzle', (client) => {
  const db = () => drizzle(client(), { casing: 'snake_case' })
  const event = { at: 1, holder: 'alice', allocationId: 'al_1', kind: 'ready' as const, data: { a: ['é', 1] }, traceId: 't' }

  it('inserts, returns and reads every kind of column', async () => {
    const [made] = await db().insert(events).values(event).returning()
    expect(made).toEqual({ id: expect.any(Number), ...event })
    expect(await db().select().from(events).where(eq(events.holder, 'alice'))).toEqual([made])
  })

  it('batches', async () => {
    const insert = db()
      .insert(events)
      .values({ ...event, holder: 'batch' })
      .returning({ id: events.id })
    const count = db()
      .select({ n: sql<number>`count(*)` })
      .from(events)
      .where(eq(events.holder, 'batch'))
    const [made, counted] = await db().batch([insert, count])
    expect(made).toHaveLength(1)
    expect(counted).toEqual([{ n: 1 }])
  })

  it('rolls a transaction back when its function throws', async () => {
    const tx = db().transaction(async (t) => {
      await t.insert(events).values({ ...event, holder: 'gone' })
      throw new Error('on purpose')
    })
    await expect(tx).rejects.toThrow('on purpose')
    expect(await db().select().from(events).where(eq(events.holder, 'gone'))).toEqual([])
  })

  it('hands the broken constraint on as the cause', async () => {
    const key = {
      id: 'ck_1',
      tenant: 't',
      name: 'n',
      secretHash: 'h',
      scopes: ['client' as const],
      maxGpus: 1,
      maxAllocations: 1,
      maxLeaseHours: 1,
      requestsPerMinute: 1,
      allocationsPerMinute: 1,
      createdAt: 1,
    }
    await db().insert(apiKeys).values(key)
    await expect(db().insert(apiKeys).values(key)).rejects.toMatchObject({
      cause: { code: 'SQLITE_CONSTRAINT', message: expect.stringContaining('api_keys.id') },
    })
  })
})

onEveryDatabase('guards in the schema', (client) => {
  const db = () => drizzle(client(), { casing: 'snake_case' })
  const gpu = (uuid: string) => ({ hotkey: '5F', uuid, idx: 0, model: 'H200', modelKey: 'h200', vramMb: 1, simulated: false, firstSeenAt: 1, seenAt: 1 })
  const claim = (allocationId: string, uuid: string) => ({ allocationId, incarnation: 1, hotkey: '5F', uuid, claimedAt: 1 })
  const claimedBy = async (uuid: string) => (await db().select({ by: gpus.claimedBy }).from(gpus).where(eq(gpus.uuid, uuid)))[0]?.by

  it('a claim marks its GPU, and only while it is live', async () => {
    await db()
      .insert(gpus)
      .values([gpu('g1'), gpu('g2')])
    await db().insert(claims).values(claim('al_1', 'g1'))
    expect([await claimedBy('g1'), await claimedBy('g2')]).toEqual(['al_1', null])
    await db().update(claims).set({ freedAt: 2 }).where(eq(claims.allocationId, 'al_1'))
    expect(await claimedBy('g1')).toBeNull()
    await db().insert(claims).values(claim('al_2', 'g1'))
    expect(await claimedBy('g1')).toBe('al_2')
  })

  it('a second live claim on one GPU is impossible', async () => {
    await db().insert(gpus).values(gpu('g3'))
    await db().insert(claims).values(claim('al_3', 'g3'))
    await expect(db().insert(claims).values(claim('al_4', 'g3'))).rejects.toMatchObject({
      cause: { code: 'SQLITE_CONSTRAINT', message: expect.stringContaining('claims.uuid') },
    })
    expect(await claimedBy('g3')).toBe('al_3')
  })

  it('freeing an old claim again leaves the new holder alone', async () => {
    await db().insert(gpus).values(gpu('g5'))
    await db().insert(claims).values(claim('al_5', 'g5'))
    await db().update(claims).set({ freedAt: 2 }).where(eq(claims.allocationId, 'al_5'))
    await db().insert(claims).values(claim('al_6', 'g5'))
    await db().update(claims).set({ freedAt: 3 }).where(eq(claims.allocationId, 'al_5'))
    expect(await claimedBy('g5')).toBe('al_6')
  })

  it('the audit log only grows', async () => {
    await db().insert(audit).values({ at: 1, actor: 'a', action: 'allow', subject: 's', detail: {}, traceId: 't' })
    for (const change of ["UPDATE audit SET actor = 'b'", 'DELETE FROM audit']) {
      await expect(client().execute(change)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT', message: expect.stringContaining('audit is append-only') })
    }
    expect(await db().select({ actor: audit.actor }).from(audit)).toEqual([{ actor: 'a' }])
  })
})
