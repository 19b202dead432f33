import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backUp } from '../../local/deploy/backup.ts'
import { deploy } from '../../local/deploy/deploy.ts'
import { type Finding, smoke } from '../../local/deploy/smoke.ts'
import { SECRETS, type Wrangler } from '../../local/deploy/wrangler.ts'
import { startEdge } from '../../local/edge/start.ts'
import type { ProblemBody } from '../../schema/index.ts'
import { query } from '../support/database.ts'
import { onOneEdge, startTestEdge, type TestEdge } from '../support/edge.ts'
import { run } from '../support/process.ts'

let db: { url: string }
let edge: TestEdge
let folder: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
})
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compute-deploy-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const red = (findings: Finding[]) => findings.filter((f) => !f.ok).map((f) => f.name)
const look = (o: { url?: string; pin?: string } = {}) => smoke({ url: edge.url, pin: edge.fingerprint, patienceMs: 0, pauseMs: 10, ...o })

describe('the smoke of a deployment', () => {
  it('is red while cron has never run, and says so; then green', async () => {
    const before = await look()
    expect(red(before)).toEqual(['health'])
    expect(before[0]?.detail).toContain('cron trigger')
    await edge.running.tick()
    expect(red(await look())).toEqual([])
  })

  it('waits for green as long as it may', async () => {
    await query(db.url, `UPDATE settings SET value = '1' WHERE name = 'swept_at'`)
    const looking = smoke({ url: edge.url, patienceMs: 60_000, pauseMs: 10 })
    await edge.running.tick()
    expect(red(await looking)).toEqual([])
  })

  it('knows an edge with another key, and prints the string that miners register with', async () => {
    expect(red(await look({ pin: 'somebody-else' }))).toEqual(['identity'])
    expect((await look()).at(-1)?.detail).toContain(`${edge.url}#${edge.fingerprint}`)
  })

  it('takes an edge where nobody may act yet, as after a first deployment, and says why', async () => {
    const first = await startTestEdge(db.url, { vars: { ENVIRONMENT: 'production' } })
    try {
      await first.running.tick()
      const [health, ...rest] = await smoke({ url: first.url, patienceMs: 0, pauseMs: 10 })
      expect(health).toMatchObject({ ok: true, detail: expect.stringContaining('TRUSTED_VALIDATORS') as string })
      expect(red(rest)).toEqual([])
    } finally {
      await first.close()
    }
  })

  it('finds nothing good in something that is no edge', async () => {
    const other: Server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await new Promise((done) => other.once('listening', done))
    const findings = await look({ url: `http://127.0.0.1:${(other.address() as AddressInfo).port}` })
    expect(red(findings)).toEqual(findings.map((f) => f.name))
    other.close()
  })

  it('runs alone, with an exit code', async () => {
    await edge.running.tick()
    const good = await run('local/deploy/main.ts', ['--smoke', edge.url, '--pin', edge.fingerprint, '--patience', '0'])
    expect(good).toMatchObject({ code: 0, err: '' })
    expect(good.out).toContain('ok  identity')
    expect(await run('local/deploy/main.ts', ['--smoke', edge.url, '--pin', 'x', '--patience', '0'])).toMatchObject({ code: 1 })
  })
})

describe('the export of a database', () => {
  it('makes the same database anew: rows, guards and ids that go on', async () => {
    const model = `It's "quoted"; -- \u00e9`
    const miner = await edge.miner(2, model)
    await edge.allocate(await edge.key('alice'), { gpu: { count: 1, model }, name: "O'Hara" })
    await miner.obey()
    const file = join(folder, 'backup.sql')
    const kept = await backUp(db.url, undefined, file)
    expect((await stat(file)).mode & 0o777).toBe(0o600)

    const copy = new DatabaseSync(':memory:')
    copy.exec(await readFile(file, 'utf8'))
    const tables = (await query(db.url, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")).map((r) => String(r['name']))
    expect(kept.tables).toBe(tables.length)
    let rows = 0
    for (const table of [...tables, 'sqlite_sequence']) {
      const [theirs, ours] = [
        await query(db.url, `SELECT * FROM ${table} ORDER BY rowid`),
        copy
          .prepare(`SELECT * FROM ${table} ORDER BY rowid`)
          .all()
          .map((r) => ({ ...r })),
      ]
      expect(ours, table).toEqual(theirs)
      rows += table === 'sqlite_sequence' ? 0 : ours.length
    }
    expect(kept.rows).toBe(rows)
    expect(() => copy.exec("UPDATE audit SET actor = 'x'")).toThrow('append-only')
    await expect(backUp(db.url, undefined, file)).rejects.toThrow('EEXIST')
  })
})

/** Answers as wrangler would; keeps what it was asked. */
function fakeWrangler(answers: Record<string, { code: number; out?: string }> = {}): { asked: string[]; wrangler: Wrangler } {
  const asked: string[] = []
  const secrets = JSON.stringify(SECRETS.map((name) => ({ name, type: 'secret_text' })))
  const usual: typeof answers = {
    whoami: { code: 0 },
    secret: { code: 0, out: secrets },
    deployments: { code: 0, out: 'a warning\n{"versions":[{"version_id":"v-old","percentage":100}]}' },
    deploy: { code: 0 },
  }
  return {
    asked,
    wrangler: async (args) => {
      asked.push(args.join(' '))
      const { code, out = '' } = { ...usual, ...answers }[args[0] ?? ''] ?? { code: 1 }
      return { code, out }
    },
  }
}

let backups = 0
async function deployWith(wrangler: Wrangler, pin = edge.fingerprint): Promise<{ green: boolean; said: string }> {
  const lines: string[] = []
  const options = { database: { url: db.url }, backup: join(folder, `b${++backups}.sql`), url: edge.url, pin, patienceMs: 0, pauseMs: 10 }
  const green = await deploy({ ...options, wrangler, say: (line) => lines.push(line) })
  return { green, said: lines.join('\n') }
}

describe('a deployment', () => {
  it('checks, backs up, migrates, deploys, looks, and says how to go back', async () => {
    await edge.running.tick()
    const { asked, wrangler } = fakeWrangler()
    const { green, said } = await deployWith(wrangler)
    expect(green).toBe(true)
    expect(asked).toEqual(['whoami --json', 'secret list --format json', 'deployments status --json', 'deploy --domain 127.0.0.1'])
    expect(said).toMatch(/serving now: v-old\nbacked up \d+ rows .*\nthe database is up to date\nok {2}health[^]*wrangler rollback v-old[^]*restore-epoch/)
    expect(await readFile(join(folder, `b${backups}.sql`), 'utf8')).toContain('INSERT INTO "settings"')
  })

  it('touches nothing when nobody is logged in, or a secret is missing, and names it', async () => {
    const out = fakeWrangler({ whoami: { code: 1 } })
    await expect(deployWith(out.wrangler)).rejects.toThrow('wrangler login')
    const lacking = fakeWrangler({ secret: { code: 0, out: '[{"name":"DATABASE_URL"},{"name":"ADMIN_KEY"}]' } })
    await expect(deployWith(lacking.wrangler)).rejects.toThrow('lacks DATABASE_TOKEN, EDGE_ADDRESS, SIGNING_KEY')
    expect(lacking.asked).not.toContain('deploy --domain 127.0.0.1')
  })

  it('says what still serves when the upload fails, and is not green when the edge is not', async () => {
    await expect(deployWith(fakeWrangler({ deploy: { code: 1 } }).wrangler)).rejects.toThrow('the version before still serves')
    const first = fakeWrangler({ deployments: { code: 1 } })
    const { green, said } = await deployWith(first.wrangler, 'somebody-else')
    expect(green).toBe(false)
    expect(said).toContain('no version before this one')
  })

  it('asks for every secret that an edge misses, and an edge names each that is missing', async () => {
    const bare = await startEdge({ vars: {} })
    const problem = (await (await fetch(`${bare.url}/health`)).json()) as ProblemBody
    await bare.close()
    expect(problem.code).toBe('not_configured')
    const named = /missing or malformed: ([A-Z_, ]+) \(/
      .exec(problem.detail ?? '')?.[1]
      ?.split(', ')
      .sort()
    expect([...(named ?? []), 'DATABASE_TOKEN'].sort()).toEqual([...SECRETS].sort())
  })

  it('is rehearsed without a cloud', { timeout: 180_000 }, async () => {
    const { code, out, err } = await run('local/deploy/main.ts', ['--dry-run'], { HOME: folder, WRANGLER_SEND_METRICS: 'false' })
    expect({ code, err }).toEqual({ code: 0, err: '' })
    for (const line of ['built: Total Upload', 'migrated: 0000_init', 'ok  health', 'ok  identity']) expect(out).toContain(line)
  })

  it('says what is missing before it does anything', async () => {
    expect(await run('local/deploy/main.ts', [])).toMatchObject({ code: 2, err: expect.stringContaining('--url is missing') })
    const noDatabase = await run('local/deploy/main.ts', ['--url', 'https://edge.example'])
    expect(noDatabase).toMatchObject({ code: 2, err: expect.stringContaining('DATABASE_URL is missing') })
  })

  it('makes the secrets of a new edge, for its owner only, and never over old ones', async () => {
    const file = join(folder, 'secrets.json')
    const env = { DATABASE_URL: 'libsql://x', DATABASE_TOKEN: 't' }
    expect((await run('local/deploy/main.ts', ['--make-secrets', file], env)).code).toBe(0)
    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')) as object).sort()).toEqual([...SECRETS].sort())
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await run('local/deploy/main.ts', ['--make-secrets', file], env)).code).toBe(1)
  })
})
