import { describe, expect, it, onTestFinished } from 'vitest'
import { type ProblemBody, type SnapshotNeuron, snapshotDigest, type SnapshotTaken } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import type { TestEdge } from '../support/edge.ts'
import { Tap } from '../support/tap.ts'
import { agree, rolesCheck, say, someone, Subnet, type Taken, trustingEdge } from '../support/snapshot.ts'

type Listed = { items: { digest: string; block: number; state: string; votes: string[] }[]; posts: { hotkey: string; block: number; outcome: string }[] }

/** An edge of its own that trusts `n` validators, and a subnet of ten miners, already applied unless `fresh`. */
async function world(n: number, o: { fresh?: boolean; backend?: ReturnType<typeof databases>[number]; vars?: Record<string, string> } = {}) {
  const database = await (o.backend ?? databases()[0]).start()
  const { edge, keys } = await trustingEdge(database.url, n, o.vars)
  onTestFinished(async () => {
    await edge.close()
    await database.close()
  })
  const miners = Array.from({ length: 10 }, someone)
  const subnet = new Subnet().join(...miners)
  if (!o.fresh) expect(await agree(keys.slice(0, Math.floor(n / 2) + 1), subnet.now())).toMatchObject({ outcome: 'applied' })
  return { url: database.url, edge, keys, miners, subnet }
}

const agentsOf = async (url: string) =>
  (await query(url, 'SELECT hotkey, role, standing, uid, source FROM agents ORDER BY hotkey')) as Record<'hotkey' | 'role' | 'standing' | 'source', string>[]
const listed = async (edge: TestEdge) => (await edge.call<Listed>(edge.adminKey, 'GET', '/admin/snapshots')).body
const audited = async (url: string) =>
  (await query(url, "SELECT action, detail FROM audit WHERE action LIKE 'snapshot%' ORDER BY id")).map((r) => [r['action'], JSON.parse(String(r['detail']))])
const told = ({ http, outcome, votes, needed, applied_block }: Taken) => ({ http, outcome, votes, needed, applied_block })

describe('who may post a snapshot', () => {
  it('is a trusted validator alone, and it needs no role for it', async () => {
    const { url, edge, keys, subnet } = await world(1, { fresh: true })
    const stranger = new WireMiner(edge)
    expect(await say(stranger, subnet.now())).toMatchObject({ http: 403, code: 'not_trusted', detail: expect.stringContaining('TRUSTED_VALIDATORS') })
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: stranger.hotkey, role: 'validator' })
    expect(await say(stranger, subnet.now())).toMatchObject({ http: 403, code: 'not_trusted' })
    expect(await query(url, 'SELECT * FROM snapshot_posts')).toEqual([])
    const [only] = keys as [WireMiner]
    expect(told(await say(only, subnet.now()))).toEqual({ http: 200, outcome: 'applied', votes: 1, needed: 1, applied_block: 1000 })
  })

  it('sends blocks at multiples of 25 and uids without a gap, or nothing is taken', async () => {
    const { keys, subnet } = await world(1)
    const [only] = keys as [WireMiner]
    expect(await say(only, subnet.now({ block: 1001 }))).toMatchObject({ http: 422, errors: [{ field: 'block' }] })
    expect(await say(only, subnet.next({ neurons: subnet.now().neurons.slice(1) }))).toMatchObject({ http: 422, errors: [{ field: 'neurons.0.uid' }] })
    const forged = await only.send('POST', '/validator/metagraph', subnet.now(), { body: JSON.stringify(subnet.next()) })
    expect(((await forged.json()) as Taken).code).toBe('bad_signature')
    const wrong = subnet.next({ neurons: Array.from({ length: 4096 }, () => ({})) as SnapshotNeuron[] })
    const answer = await only.send('POST', '/validator/metagraph', wrong)
    expect(answer.status).toBe(422)
    expect((await answer.text()).length, 'what is wrong with it is longer than itself').toBeLessThan(10_000)
  })

  it('is nobody where the setting is malformed: the edge says so', async () => {
    const { edge } = await trustingEdge('http://127.0.0.1:9', 0, { TRUSTED_VALIDATORS: '5abc' })
    onTestFinished(() => edge.close())
    expect((await edge.call<Taken>('', 'GET', '/health')).body).toMatchObject({ code: 'not_configured', detail: expect.stringContaining('TRUSTED_VALIDATORS') })
  })
})

describe.each(databases())('a majority on $name', (backend) => {
  it.skipIf(!backend.available)('of three decides; what is said again answers the same and is done once', async () => {
    const { url, edge, keys, miners, subnet } = await world(3, { fresh: true, backend })
    const [a, b, c] = keys as [WireMiner, WireMiner, WireMiner]
    const validator = miners[3] ?? ''
    const first = subnet.validates(validator).now()
    const growing = { http: 200, outcome: 'counted', votes: 1, needed: 2, applied_block: null }
    expect(told(await say(a, first))).toEqual(growing)
    expect(told(await say(a, first))).toEqual(growing)
    expect(await agentsOf(url)).toEqual([])
    const done = { ...growing, outcome: 'applied', votes: 2, applied_block: 1000 }
    expect(told(await say(b, first))).toEqual(done)
    expect(told(await say(b, first))).toEqual(done)
    expect(told(await say(c, first))).toEqual({ ...done, votes: 3 })
    expect((await agentsOf(url)).map((r) => r.hotkey).sort()).toEqual([...miners].sort())
    expect((await agentsOf(url)).filter((r) => r.role === 'validator')).toMatchObject([{ hotkey: validator, standing: 'active', source: 'snapshot' }])
    expect(await audited(url)).toEqual([['snapshot_applied', expect.objectContaining({ block: 1000, counts: { admitted: 10 } })]])
    expect((await edge.call(await edge.key('alice'), 'GET', '/v1/network')).body).toEqual({
      netuid: 27,
      environment: 'development',
      miners: 9,
      validators: 1,
      snapshot_block: 1000,
      snapshot_age_s: expect.any(Number),
      validators_published: 0,
      published_age_s: null,
    })
  })

  it.skipIf(!backend.available)('that is reached by two at the same moment is applied once', async () => {
    const { url, keys, subnet } = await world(5, { fresh: true, backend })
    const first = subnet.now()
    await Promise.all(keys.map((k) => say(k, first)))
    const again = await Promise.all(keys.map((k) => say(k, first)))
    expect(again.map((t) => [t.outcome, t.votes])).toEqual(keys.map(() => ['applied', 5]))
    expect(await audited(url)).toHaveLength(1)
    // Two different blocks, both decided at once: the later one stands, whatever came first.
    const [one, two] = [subnet.next(), subnet.next()]
    const answers = await Promise.all(keys.flatMap((k) => [say(k, two), say(k, one)]))
    expect(answers.every((t) => t.http === 200)).toBe(true)
    expect((await query(url, "SELECT block FROM snapshots WHERE state = 'applied'"))[0]).toEqual({ block: two.block })
  })
})

describe('each statement twice, as after answers that were lost', () => {
  it('changes no more than once', async () => {
    const database = await databases()[0].start()
    const tap = await new Tap(() => ({ port: Number(new URL(database.url).port) })).listen()
    const { edge, keys } = await trustingEdge(tap.url, 2)
    onTestFinished(async () => {
      await edge.close()
      await tap.close()
      await database.close()
    })
    let repeated = 0
    tap.onAnswer = async (_, repeat) => void (repeated += Number((await repeat()) === 200))
    const subnet = new Subnet().join(...Array.from({ length: 10 }, someone))
    expect(await agree(keys, subnet.now())).toMatchObject({ outcome: 'applied', votes: 2 })
    const held = subnet.leave(...subnet.neurons.slice(0, 5).map((n) => n.hotkey)).next()
    expect(await agree(keys, held)).toMatchObject({ outcome: 'held', votes: 2 })
    expect((await edge.call(edge.adminKey, 'POST', `/admin/snapshots/${snapshotDigest(held)}/accept`)).status).toBe(200)
    expect(repeated).toBeGreaterThan(8)
    expect((await audited(database.url)).map(([action]) => action)).toEqual(['snapshot_applied', 'snapshot_held', 'snapshot_accepted'])
    expect(await query(database.url, 'SELECT count(*) AS n FROM snapshot_posts')).toEqual([{ n: 4 }])
    expect((await agentsOf(database.url)).map((r) => r.standing).sort()).toEqual([...Array(5).fill('active'), ...Array(5).fill('draining')])
  })
})

describe('what a snapshot changes', () => {
  it('needs two in a row, but for who is new', async () => {
    const { url, edge, keys, miners, subnet } = await world(1)
    const [gone = '', turned = '', newcomer] = [miners[0], miners[1], someone()]
    const standing = async (hotkey: string) => (await agentsOf(url)).find((r) => r.hotkey === hotkey)
    await agree(keys, subnet.leave(gone).join(newcomer).validates(turned).next())
    expect(await standing(newcomer)).toMatchObject({ role: 'miner', standing: 'active' })
    expect(await standing(gone)).toMatchObject({ standing: 'active' })
    expect(await standing(turned)).toMatchObject({ role: 'miner' })
    await agree(keys, subnet.next())
    expect(await standing(gone)).toMatchObject({ role: 'miner', standing: 'draining', uid: null })
    expect(await standing(turned)).toMatchObject({ role: 'validator', standing: 'active' })
    await agree(keys, subnet.leave(turned).join(gone).next())
    expect(await standing(gone)).toMatchObject({ standing: 'active' })
    await agree(keys, subnet.next())
    expect(await standing(turned)).toMatchObject({ standing: 'removed' })
    const entries = (await audited(url)).map(([, detail]) => (detail as { counts: object }).counts)
    expect(entries).toEqual([{ admitted: 10 }, { admitted: 1 }, { role: 1, draining: 1 }, { returned: 1 }, { removed: 1 }])
    expect(await rolesCheck(edge)).toMatchObject({ ok: true, detail: expect.stringContaining('block 1100') })
  })

  it('once and then not again is nothing', async () => {
    const { url, keys, miners, subnet } = await world(1)
    const [gone = ''] = miners
    await agree(keys, subnet.leave(gone).next())
    await agree(keys, subnet.join(gone).next())
    await agree(keys, subnet.leave(gone).next())
    expect((await agentsOf(url)).filter((r) => r.standing !== 'active')).toEqual([])
  })

  it('leaves alone whom a person allowed in development', async () => {
    const { url, edge, keys, subnet } = await world(1)
    const miner = await edge.miner(1, 'Model allowed')
    await agree(keys, subnet.join(miner.hotkey).validates(miner.hotkey).next())
    await agree(keys, subnet.leave(miner.hotkey).next())
    await agree(keys, subnet.next())
    expect((await agentsOf(url)).find((r) => r.hotkey === miner.hotkey)).toMatchObject({ role: 'miner', standing: 'active', source: 'allow' })
  })
})

describe('a bad but signed snapshot changes nothing and is visible:', () => {
  const bad: [string, (s: Subnet) => ReturnType<Subnet['now']>, SnapshotTaken['outcome'], boolean][] = [
    ['half the subnet gone', (s) => s.leave(...s.neurons.slice(0, 5).map((n) => n.hotkey)).next(), 'held', false],
    ['an older block', (s) => s.leave(...s.neurons.slice(0, 1).map((n) => n.hotkey)).next({ block: 975 }), 'older', true],
    ['the same block with another roster', (s) => s.leave(...s.neurons.slice(0, 1).map((n) => n.hotkey)).now(), 'changed', false],
    ['the wrong netuid', (s) => s.next({ netuid: 28 }), 'subnet', false],
    ['another chain', (s) => s.next({ genesis: `0x${'99'.repeat(32)}` }), 'subnet', false],
    ['a block of seven hours ago', (s) => s.next({ timestamp_ms: Date.now() - 7 * 3600_000 }), 'stale', true],
    ['a block of tomorrow', (s) => s.next({ timestamp_ms: Date.now() + 24 * 3600_000 }), 'stale', true],
  ]
  it.each(bad)('%s', async (_, make, outcome, green) => {
    const { url, edge, keys, subnet } = await world(1)
    const before = await agentsOf(url)
    const [only] = keys as [WireMiner]
    expect(await say(only, make(subnet))).toMatchObject({ http: 200, outcome, applied_block: 1000 })
    expect(await agentsOf(url)).toEqual(before)
    expect((await listed(edge)).posts[0]).toMatchObject({ hotkey: only.hotkey, outcome })
    const metrics = await (await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${edge.adminKey}` } })).text()
    expect(metrics).toContain(`compute_edge_snapshot_posts{outcome="${outcome}"} 1\n`)
    expect((await rolesCheck(edge))?.ok).toBe(green)
  })

  it('a forged roster by one stolen key among three, before the others and after them', async () => {
    const { url, edge, keys, miners, subnet } = await world(3)
    const [thief, b, c] = keys as [WireMiner, WireMiner, WireMiner]
    const mallory = someone()
    const forge = (block: Subnet) =>
      Object.assign(new Subnet(), { block: block.block, neurons: block.neurons })
        .leave(miners[0] ?? '')
        .join(mallory)
    const honest = subnet.next()
    expect(await say(thief, forge(subnet).now())).toMatchObject({ outcome: 'counted', votes: 1 })
    expect(await agree([b, c], honest)).toMatchObject({ outcome: 'applied', votes: 2 })
    expect(await agree([b, c], subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await say(thief, forge(subnet).now())).toMatchObject({ outcome: 'older' })
    const alone = forge(subnet).validates(mallory)
    for (let i = 0; i < 3; i++) expect(await say(thief, alone.next())).toMatchObject({ outcome: 'counted', votes: 1 })
    expect((await agentsOf(url)).map((r) => [r.hotkey, r.standing]).sort()).toEqual(miners.map((m) => [m, 'active']).sort())
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining(thief.hotkey) })
    expect((await rolesCheck(edge))?.detail).not.toContain(b.hotkey)
    const { items } = await listed(edge)
    expect(items.find((s) => s.digest === snapshotDigest(honest))).toMatchObject({ state: 'superseded', votes: [b.hotkey, c.hotkey].sort() })
  })

  it('a validator that speaks twice of one block has one voice', async () => {
    const { keys, subnet } = await world(3)
    const [a, b, c] = keys as [WireMiner, WireMiner, WireMiner]
    const [one, other] = [subnet.next(), subnet.join(someone()).now()]
    expect(await say(a, one)).toMatchObject({ outcome: 'counted' })
    expect(await say(a, other)).toMatchObject({ outcome: 'changed', votes: 0 })
    expect(await say(b, other)).toMatchObject({ outcome: 'counted', votes: 1 })
    expect(await say(c, one)).toMatchObject({ outcome: 'applied', votes: 2 })
  })

  it('the voice of one that is trusted no more does not count', async () => {
    const { url, keys, subnet } = await world(2, { fresh: true })
    const [a] = keys as [WireMiner]
    const s = subnet.now()
    expect(await say(a, s)).toMatchObject({ outcome: 'counted', votes: 1, needed: 2 })
    const later = await trustingEdge(url, 2)
    onTestFinished(() => later.edge.close())
    expect(await say(later.keys[0] as WireMiner, s)).toMatchObject({ outcome: 'counted', votes: 1 })
    expect(await say(later.keys[1] as WireMiner, s)).toMatchObject({ outcome: 'applied', votes: 2 })
  })
})

describe('a stranger', () => {
  it('is refused before anything reads what it sent', { timeout: 60_000 }, async () => {
    const { edge } = await world(1, { fresh: true })
    const stranger = new WireMiner(edge)
    const costly = `{"a":["\\ud800"${',1'.repeat(1_000_000)}]}`
    for (const path of ['/validator/metagraph', '/agent/sync']) {
      const body = path === '/agent/sync' ? costly.slice(0, 200_000) : costly
      const answer = await stranger.send('POST', path, {}, { body, secret: new WireMiner(edge).secret })
      expect([answer.status, ((await answer.json()) as ProblemBody).code]).toEqual([401, 'bad_signature'])
    }
  })
})

describe('a stolen key that posts and posts', () => {
  it('fills nothing, and keeps nobody else from being heard', { timeout: 120_000 }, async () => {
    const { url, keys, miners, subnet } = await world(3)
    const [thief, b, c] = keys as [WireMiner, WireMiner, WireMiner]
    const honest = subnet.next()
    expect(await say(b, honest)).toMatchObject({ outcome: 'counted' })
    const junk = Object.assign(new Subnet(), { block: 100_000 }).join(...miners)
    const answers: number[] = []
    for (let i = 0; i < 90; i++) answers.push((await say(thief, junk.next(i % 2 ? {} : { netuid: 3 }))).http)
    expect([...new Set(answers)]).toEqual([200, 429])
    const [posts] = await query(url, `SELECT count(*) AS n FROM snapshot_posts WHERE hotkey = '${thief.hotkey}'`)
    const [rows] = await query(url, "SELECT count(*) AS n, sum(neurons <> '[]') AS rosters FROM snapshots")
    expect(posts).toEqual({ n: 50 })
    expect(Number(rows?.['n'])).toBeLessThanOrEqual(34)
    expect(rows?.['rosters']).toBe(1)
    expect(await say(c, honest)).toMatchObject({ outcome: 'applied', votes: 2 })
  })
})

describe('a subnet of 4,096', () => {
  it('is taken within seconds, twice', { timeout: 120_000 }, async () => {
    const { url, keys, subnet } = await world(1, { fresh: true })
    subnet.neurons = Array.from({ length: 4096 }, () => ({
      hotkey: someone(),
      coldkey: someone(),
      validator_permit: true,
      total_stake: '18446744073709551615',
    }))
    const first = subnet.now()
    expect(JSON.stringify(first).length).toBeLessThan(1_500_000)
    for (const s of [first, subnet.next()]) {
      const begun = performance.now()
      expect(await agree(keys, s)).toMatchObject({ http: 200, outcome: 'applied' })
      expect(performance.now() - begun).toBeLessThan(20_000)
    }
    expect((await agentsOf(url)).filter((r) => r.role === 'validator')).toHaveLength(4096)
  })
})
