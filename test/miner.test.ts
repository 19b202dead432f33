import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fingerprint, hostKeyStatement, verifyBytes } from '../schema/index.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

describe('a miner agent', () => {
  it('registers with its facts, and then reports them', async () => {
    await world.up()
    const report = await until('a full report', () => world.edge.reports.find((r) => r.facts))
    expect(world.edge.registrations[0]).toMatchObject({ role: 'miner', install: report.install, facts: { simulated: true, address: '127.0.0.1' } })
    expect(report.facts?.gpu).toMatchObject({ status: 'ok', gpus: [{ uuid: world.gpus[0] }, { uuid: world.gpus[1] }] })
    expect(report.facts?.images).toEqual([
      { reference: 'workspace:1', warm: true },
      { reference: 'cold:1', warm: false },
    ])
    expect(report).toMatchObject({ engine: { ok: true }, allocations: [], unexplained: [], foreign: 0 })
  })

  it('runs what is wished, vouches for its host key, and removes it again', async () => {
    await world.up()
    const entry = world.entry({ ssh_keys: ['ssh-ed25519 AAAA'], env: { A: '1' } })
    await world.running(entry)
    const endpoint = world.edge.fact(entry.id)?.endpoint
    const row = world.engine.row(entry.id)
    expect(row).toMatchObject({ port: endpoint?.port, hostKey: endpoint?.host_key, gpus: entry.gpus, trace: entry.trace })
    expect(row?.spec).toMatchObject({ image: 'workspace:1', authorizedKeys: entry.ssh_keys, env: { A: '1' }, limits: entry.limits, simulated: true })
    const { port = 0, host_key = '', signature = '' } = endpoint ?? {}
    const statement = hostKeyStatement({ allocation: entry.id, incarnation: 1, host: '127.0.0.1', port, fingerprint: fingerprint(host_key) })
    expect(verifyBytes(world.hotkey, statement, signature)).toBe(true)
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => world.phase(entry.id) === 'gone')
    expect(world.engine.rows).toEqual([])
  })

  it('tells the edge of a warm start in one report after the wake, not in many', async () => {
    await world.up()
    await until('the first reports', () => world.edge.reports.length >= 2 && world.edge.last?.facts === null)
    const entry = world.entry()
    const before = world.edge.reports.length
    await world.running(entry)
    const told = world.edge.reports.slice(before)
    expect(told.length).toBeLessThanOrEqual(2)
    expect(told.map((r) => r.seq)).toEqual(told.map((r) => r.seq).toSorted((a, b) => a - b))
  })

  it('pulls a cold image and says how far it is', async () => {
    await world.up()
    const gate = Promise.withResolvers<void>()
    world.engine.pull = async (reference, onProgress) => {
      onProgress({ current: 10, total: 100 })
      await gate.promise
      world.engine.images.add(reference)
    }
    const entry = world.entry({ image: 'cold:1' })
    world.edge.wish([entry])
    const fact = await until('progress', () => world.edge.reports.flatMap((r) => r.allocations).find((a) => a.progress?.current === 10))
    expect(fact).toMatchObject({ phase: 'pulling', progress: { stage: 'pull', total: 100 }, observed_generation: 1 })
    gate.resolve()
    await until('running', () => world.phase(entry.id) === 'running')
  })

  it('runs init commands as argv before it says running', async () => {
    await world.up()
    const ran: string[][] = []
    world.engine.exec = (argv) => {
      ran.push(argv)
      return { exitCode: 0, output: '' }
    }
    const init = [['echo', '$HOME; rm -rf /'], ['true']]
    await world.running(world.entry({ init }))
    expect(ran).toEqual(init)
  })

  it('hands a GPU over only once the container before is gone', async () => {
    await world.up()
    const [one, two] = [world.entry(), world.entry()]
    await world.running(one)
    let held = 0
    world.engine.beforeRun = async (spec) => void (held += world.engine.rows.filter((r) => r.gpus.some((g) => spec.gpus.includes(g))).length)
    world.edge.wish([world.tombstone(one), two])
    await until('the second runs', () => world.phase(two.id) === 'running')
    expect({ held, rows: world.engine.rows.map((r) => r.allocation) }).toEqual({ held: 0, rows: [two.id] })
  })

  it('serves two clients side by side', async () => {
    await world.up()
    const entries = world.gpus.map((gpu) => world.entry({ gpus: [gpu] }))
    await world.running(...entries)
    expect(new Set(world.engine.rows.map((r) => r.port)).size).toBe(2)
  })

  it('begins with the counters it is made with, and tells how long each stage took', async () => {
    await world.up()
    const entry = world.entry({ restart_n: 2, keys_n: 3, image: 'cold:1', init: [['true']] })
    await world.running(entry)
    expect(world.edge.fact(entry.id)).toMatchObject({
      restart_n: 2,
      keys_n: 3,
      took: { pull: expect.any(Number), create: expect.any(Number), start: expect.any(Number), banner: expect.any(Number), init: expect.any(Number) },
    })
    expect(world.engine.acts).toEqual([])
  })

  it('answers kinds of entries that are not there yet, and does the others', async () => {
    await world.up()
    const [known, strange] = [world.entry(), { ...world.entry(), kind: 'vm' }]
    world.edge.wish([strange, known])
    await until('running', () => world.phase(known.id) === 'running')
    expect(world.edge.fact(strange.id)).toMatchObject({ phase: 'failed', error: { code: 'unsupported' } })
    expect(world.engine.made).toEqual([`${known.id}/1`])
  })

  it('holds what the wish does not mention, and says so', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.edge.wish([])
    await until('unexplained', () => world.edge.last?.unexplained.some((u) => u.id === entry.id))
    expect(world.engine.rows).toHaveLength(1)
  })

  it('ends what ran out, without the edge', async () => {
    await world.up()
    const entry = world.entry({ expires_at_ms: world.edge.now() + 700 })
    await world.running(entry)
    await world.edge.stop()
    await until('its end', () => world.engine.rows.length === 0)
    expect(world.edge.now()).toBeGreaterThanOrEqual(entry.expires_at_ms)
    await world.edge.start()
    await until('gone', () => world.phase(entry.id) === 'gone')
  })
})

describe('two agents on one engine', () => {
  it('never touch each other', async () => {
    const other = await MinerWorld.make(world.engine)
    try {
      await Promise.all([world.up(), other.up()])
      const [mine, theirs] = [world.entry(), other.entry()]
      await Promise.all([world.running(mine), other.running(theirs)])
      world.edge.wish([world.tombstone(mine), world.tombstone(theirs)])
      await until('mine is gone', () => world.phase(mine.id) === 'gone' && world.phase(theirs.id) === 'gone')
      world.edge.wish([])
      await until('one foreign', () => world.edge.last?.foreign === 1)
      expect(world.engine.rows.map((r) => r.allocation)).toEqual([theirs.id])
      expect(world.edge.last?.unexplained).toEqual([])
    } finally {
      await other.close()
    }
  })
})
