import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { aNeuron, aProof, aStat, hotkeys } from '../../../test/support/rows.ts'
import { later } from '../../../test/support/migrations.ts'
import { connect } from './database.ts'
import { MIGRATIONS } from './migrate.ts'
import { FILE, openStore } from './open.ts'

/** Processes that are killed, disks that are full, and files that are not what they were. */

const log = makeLog('silent', 'test')
const all = hotkeys(64)
const roster = all.map((hotkey, uid) => aNeuron(hotkey, uid))

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'store-faults-'))
})
afterEach(() => rm(dir, { recursive: true }))

/** So many that a batch is several statements and takes a while: most kills hit one. */
const MANY = 1200

/** Writes as fast as it can, and says every round that is done: a stat of every hotkey, a new cycle and its change. */
const WRITER = `
  import { writeSync } from 'node:fs'
  const [log, open, rows] = await Promise.all(${JSON.stringify(['../../core/log.ts', './open.ts', '../../../test/support/rows.ts'].map((f) => new URL(f, import.meta.url).href))}.map((url) => import(url)))
  const store = await open.openStore(process.argv[1], log.makeLog('silent', 'child'))
  const all = rows.hotkeys(${MANY})
  await store.follow(all.map((h, uid) => rows.aNeuron(h, uid)), 1)
  for (let n = Number(process.argv[2]); ; n++) {
    await store.keepStats(all.map((h) => rows.aStat(h, { score: n })))
    const id = await store.newCycle(rows.aCycle({ plannedBlock: n }))
    await store.changeCycle(id, { state: 'confirmed', readBlock: n })
    writeSync(1, n + '\\n')
  }`

describe('a process killed while it writes', () => {
  it('leaves all that was done, and nothing half done, however often', async () => {
    let begin = 0
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, dir, String(begin)], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      let dying: NodeJS.Timeout | null = null
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes.toString()
        if (said.split('\n').length > 4 && !dying) dying = setTimeout(() => child.kill('SIGKILL'), round * 17) // each time elsewhere in a round
      })
      await once(child, 'close')
      const done = Number(said.trimEnd().split('\n').at(-1))
      expect(done).toBeGreaterThan(begin)

      const store = await openStore(dir, log)
      const scores = new Set([...(await store.stats()).values()].map((s) => s.score))
      expect((await store.stats()).size).toBe(MANY)
      expect(scores.size, 'one batch is there whole').toBe(1)
      expect([done, done + 1]).toContain([...scores][0])
      const cycles = await store.cycles(100)
      expect(cycles.find((c) => c.plannedBlock === done)).toMatchObject({ state: 'confirmed', readBlock: done })
      for (const c of cycles.filter((c) => c.plannedBlock > done))
        expect([c.plannedBlock, c.state === 'confirmed']).toEqual([done + 1, c.readBlock === done + 1])
      await store.close()
      begin = done + 2
    }
  })
})

describe('what is acknowledged', () => {
  it('is on the disk: every commit is synchronized', async () => {
    const client = await connect(join(dir, FILE))
    expect((await client.execute('PRAGMA synchronous')).rows[0]?.['synchronous']).toBe(2)
    await client.batch(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)'], 'write')
    await client.execute('SELECT * FROM gone').catch(() => undefined)
    await client.batch(['INSERT INTO t VALUES (2)', 'INSERT INTO gone VALUES (2)'], 'write').catch(() => undefined)
    expect((await client.execute('PRAGMA synchronous')).rows[0]?.['synchronous'], 'still, after failures').toBe(2)
    expect((await client.execute('SELECT a FROM t')).rows.map((r) => r['a'])).toEqual([1])
    client.close()
  })
})

/** A disk of its own of one megabyte; null where nobody may mount. */
function mount(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const trial = await mkdtemp(join(tmpdir(), 'store-mount-'))
const mayMount = mount(trial)
if (mayMount) execFileSync('umount', [trial])
await rm(trial, { recursive: true })

describe.skipIf(!mayMount)('a disk', () => {
  beforeEach(() => mount(dir))
  afterEach(() => execFileSync('umount', ['-l', dir]))
  const fill = () => writeFile(join(dir, 'full'), randomBytes(2 * 1024 * 1024)).catch(() => undefined) // until it is full
  const mistake = (text: RegExp) => expect.objectContaining({ name: 'Mistake', message: expect.stringMatching(text) })

  it('that is full while writing loses nothing that was kept, and is written on when there is room', async () => {
    const store = await openStore(dir, log)
    await store.follow(roster, 1)
    await store.keepStats(all.map((h) => aStat(h, { score: 1 })))
    await fill()
    const factors = { factors: [], note: 'x'.repeat(20_000) }
    await expect(store.keepStats(all.map((h) => aStat(h, { score: 2, factors })))).rejects.toThrow(/validator\.db: .*(full|I\/O)/)
    expect([...(await store.stats()).values()].map((s) => s.score)).toEqual(all.map(() => 1))
    await rm(join(dir, 'full'))
    await store.keepStats(all.map((h) => aStat(h, { score: 3 })))
    await store.close()
    const again = await openStore(dir, log)
    expect([...(await again.stats()).values()].map((s) => s.score)).toEqual(all.map(() => 3))
    await again.close()
  })

  it('that is full before a new version is a mistake that says so, and the database is as it was', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'store-migrations-'))
    try {
      await cp(MIGRATIONS, folder, { recursive: true })
      await later(folder, '0001_more', 'CREATE TABLE other (a integer);')
      const store = await openStore(dir, log)
      await store.follow(roster, 1)
      await store.keepProof(aProof(all[0] ?? ''))
      await store.close()
      await fill()
      await expect(openStore(dir, log, folder)).rejects.toThrow(mistake(/validator\.db .*disk.*full/))
      await rm(join(dir, 'full'))
      expect(
        (await readdir(dir)).filter((name) => name.includes('.before-')),
        'no half of a copy',
      ).toEqual([])
      const again = await openStore(dir, log)
      expect((await again.proofs()).size).toBe(1)
      await again.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('that is full when the first database is to be made is a mistake that says so', async () => {
    await fill()
    await expect(openStore(dir, log)).rejects.toThrow(mistake(/validator\.db .*disk.*full.*free some room/))
  })

  it('that cannot be written is a mistake that says so', async () => {
    await (await openStore(dir, log)).close()
    execFileSync('mount', ['--bind', dir, dir])
    execFileSync('mount', ['-o', 'remount,bind,ro', dir])
    try {
      await expect(openStore(dir, log)).rejects.toThrow(mistake(/validator\.db cannot be opened for writing: give this user/))
    } finally {
      execFileSync('umount', ['-l', dir])
    }
  })
})

describe('a damaged file', () => {
  async function filled(): Promise<void> {
    const store = await openStore(dir, log)
    await store.follow(roster, 1)
    for (let i = 0; i < 4; i++) await store.keepStats(all.map((h) => aStat(h, { score: i })))
    await store.close()
  }

  it.each([
    ['that is something else', async (path: string) => writeFile(path, 'a note of the operator, long enough to be no header at all '.repeat(40))],
    ['with a page of noise', async (path: string) => overwrite(path, 5 * 4096)],
    ['cut in the middle', async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 3 * 4096 + 100))],
  ])('%s is named at the start with the fix, and left as it is', async (_, damage) => {
    await filled()
    const path = join(dir, FILE)
    await damage(path)
    const before = await readFile(path)
    await expect(openStore(dir, log)).rejects.toThrow(
      expect.objectContaining({ name: 'Mistake', message: expect.stringMatching(/validator\.db is damaged: move validator\.db, .* away.* start again/) }),
    )
    expect((await readFile(path)).equals(before)).toBe(true)
  })

  it('that others could read is for its owner only again', async () => {
    await filled()
    await chmod(join(dir, FILE), 0o644)
    await (await openStore(dir, log)).close()
    expect(
      execFileSync('stat', ['-c', '%a', join(dir, FILE)])
        .toString()
        .trim(),
    ).toBe('600')
  })
})

async function overwrite(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  await writeFile(path, Buffer.concat([bytes.subarray(0, at), randomBytes(4096), bytes.subarray(at + 4096)]))
}
