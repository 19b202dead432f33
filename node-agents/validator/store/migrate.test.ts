import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { later } from '../../../test/support/migrations.ts'
import { aNeuron, aStat, hotkeys } from '../../../test/support/rows.ts'
import { connect } from './database.ts'
import { MIGRATIONS } from './migrate.ts'
import { FILE, openStore } from './open.ts'

const log = makeLog('silent', 'test')
const [A = ''] = hotkeys(1)
const BACKUP = /^validator\.db\.\d{8}T\d{6}Z\.before-/

let root: string
let dir: string
let folder: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'migrations-'))
  dir = join(root, 'state')
  folder = join(root, 'migrations')
  await mkdir(dir)
  await cp(MIGRATIONS, folder, { recursive: true })
})
afterEach(() => rm(root, { recursive: true }))

/** A database of this version with a score in it. */
async function written(score: number): Promise<void> {
  const store = await openStore(dir, log)
  await store.follow([aNeuron(A, 0)], 1)
  await store.keepStats([aStat(A, { score })])
  await store.close()
}

async function score(migrations?: string): Promise<number | undefined> {
  const store = await openStore(dir, log, migrations)
  const found = (await store.stats()).get(A)?.score
  await store.close()
  return found
}

const backups = async () => (await readdir(dir)).filter((name) => BACKUP.test(name)).toSorted()
const mistake = (text: RegExp) => expect.objectContaining({ name: 'Mistake', message: expect.stringMatching(text) })

describe('a new version', () => {
  it('brings the database along, and leaves a copy of it as it was, for its owner only', async () => {
    await written(7)
    expect(await backups(), 'a new database needs none').toEqual([])
    await later(folder, '0001_more', "ALTER TABLE stats ADD COLUMN more text DEFAULT 'yes' NOT NULL;", 'CREATE TABLE other (a integer);')
    expect(await score(folder)).toBe(7)
    const [name = '', ...rest] = await backups()
    expect([name.endsWith('.before-0001_more'), rest]).toEqual([true, []])
    expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    expect(await score(folder), 'nothing is done twice').toBe(7)
    expect(await backups()).toEqual([name])
  })

  it('keeps the newest two copies, and removes what a copy that was cut short left', async () => {
    await written(7)
    await writeFile(join(dir, 'validator.db.20260101T000000Z.before-0000_x.tmp'), 'half')
    await writeFile(join(dir, 'validator.db.mine'), 'of the operator')
    for (const n of [1, 2, 3]) {
      await later(folder, `000${n}_more`, `CREATE TABLE other${n} (a integer);`)
      await score(folder)
    }
    expect((await backups()).map((name) => name.replace(BACKUP, ''))).toEqual(['0002_more', '0003_more'])
    expect((await readdir(dir)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    expect(await readdir(dir)).toContain('validator.db.mine')
  })

  it('that fails in the middle changes nothing, and says what to do', async () => {
    await written(7)
    await later(folder, '0001_fine', 'CREATE TABLE fine (a integer);')
    await later(folder, '0002_bad', 'CREATE TABLE half (a integer);', 'DELETE FROM stats;', 'INSERT INTO nowhere VALUES (1);')
    await expect(openStore(dir, log, folder)).rejects.toThrow(mistake(/migration 0002_bad failed and was undone \(.*nowhere.*Nothing is lost/))
    const client = await connect(join(dir, FILE))
    const tables = (await client.execute("SELECT name FROM sqlite_master WHERE name IN ('fine', 'half')")).rows.map((r) => r['name'])
    expect(tables, 'those before it stay').toEqual(['fine'])
    expect((await client.execute('SELECT score FROM stats')).rows[0]?.['score']).toBe(7)
    client.close()
  })
})

describe('an older version', () => {
  it('is refused, names the copies, and takes one as the message says', async () => {
    await written(7)
    await later(folder, '0001_more', 'CREATE TABLE other (a integer);')
    await score(folder)
    const [name = ''] = await backups()
    await expect(openStore(dir, log)).rejects.toThrow(
      mistake(
        new RegExp(
          `written by a newer version .*run the version that wrote it, or move ${FILE}, ${FILE}-wal and ${FILE}-shm away, copy a backup to .*${FILE} \\(${name}\\)`,
        ),
      ),
    )
    await mkdir(join(root, 'away'))
    for (const file of [FILE, `${FILE}-wal`, `${FILE}-shm`]) await rename(join(dir, file), join(root, 'away', file)).catch(() => undefined) // there or not
    await copyFile(join(dir, name), join(dir, FILE))
    expect(await score()).toBe(7)
  })

  it('without a copy is told that it may begin anew, and what is lost then', async () => {
    await later(folder, '0001_more', 'CREATE TABLE other (a integer);')
    await (await openStore(dir, log, folder)).close()
    await expect(openStore(dir, log)).rejects.toThrow(mistake(/newer version .* start again: a new one then begins without proofs, scores and penalties/))
  })

  it('is not taken for one that has another migration of the same time', async () => {
    await written(7)
    const sql = join(folder, '0000_init.sql')
    await writeFile(sql, `${await readFile(sql, 'utf8')}--> statement-breakpoint\nCREATE TABLE other (a integer);`)
    await expect(openStore(dir, log, folder)).rejects.toThrow(mistake(/has another 0000_init than this version: run the version that wrote it/))
    expect(await score()).toBe(7)
  })
})
