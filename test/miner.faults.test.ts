import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Problem } from '../schema/index.ts'
import { DriverError } from '../node-agents/core/ports.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const failed = async (id: string) => (await until(`${id} fails`, () => (world.phase(id) === 'failed' ? world.edge.fact(id) : undefined))).error

describe('a container that cannot be', () => {
  it.each([
    ['of an image this host does not run', () => world.entry({ image: 'evil:1' }), 'image_refused'],
    ['with more than this host gives', () => world.entry({ limits: { cpus: 9999, memory_mb: 1, shm_mb: 0, disk_gb: 1, pids: 1 } }), 'limits_refused'],
    ['on a GPU this host does not have', () => world.entry({ gpus: ['GPU-elsewhere'] }), 'gpu_unavailable'],
  ])('%s is refused, and nothing is made', async (_, entry, code) => {
    await world.up()
    const wish = entry()
    world.edge.wish([wish])
    expect((await failed(wish.id))?.code).toBe(code)
    expect(world.engine.made).toEqual([])
  })

  it('because its image does not come, says so', async () => {
    await world.up()
    world.engine.pull = async () => Promise.reject(new DriverError('pull_failed', 'manifest unknown'))
    const entry = world.entry({ image: 'cold:1' })
    world.edge.wish([entry])
    expect(await failed(entry.id)).toEqual({ code: 'pull_failed', message: 'manifest unknown' })
  })

  it('because init fails, says what it printed and leaves nothing behind', async () => {
    const { lines } = await world.up()
    world.engine.exec = () => ({ exitCode: 3, output: 'no such package: hunter2' })
    const entry = world.entry({ init: [['apt', 'install', 'x']] })
    world.edge.wish([entry])
    expect(await failed(entry.id)).toEqual({ code: 'init_failed', message: 'apt ended with code 3: no such package: hunter2' })
    await until('nothing left', () => world.engine.rows.length === 0)
    expect(lines.join(''), 'the output of a tenant stays out of the log').not.toContain('hunter2')
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => world.phase(entry.id) === 'gone')
  })

  it('because it ends at once, says so and leaves nothing behind', async () => {
    await world.up()
    world.engine.bannerAfterMs = Infinity
    const entry = world.entry()
    world.edge.wish([entry])
    await until('made', () => world.engine.row(entry.id))
    await world.engine.exit(entry.id, 127)
    expect(await failed(entry.id)).toMatchObject({ code: 'exited', message: expect.stringContaining('127') })
    await until('nothing left', () => world.engine.rows.length === 0)
  })

  it('because nobody wants it any more while its image comes, is given up', async () => {
    await world.up()
    let cut = false
    world.engine.pull = (_, __, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          cut = true
          reject(new Error('cut'))
        }),
      )
    const entry = world.entry({ image: 'cold:1' })
    world.edge.wish([entry])
    await until('pulling', () => world.phase(entry.id) === 'pulling')
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => world.phase(entry.id) === 'gone')
    expect({ cut, made: world.engine.made }).toEqual({ cut: true, made: [] })
  })
})

describe('a container that is there', () => {
  it('and ends is started again, the same one; after the third time in a row it has failed', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const port = world.engine.row(entry.id)?.port
    for (let i = 0; i < 3; i++) {
      await world.engine.exit(entry.id)
      await until('it runs again', () => world.engine.row(entry.id)?.state === 'running' && world.phase(entry.id) === 'running')
    }
    await world.engine.exit(entry.id, 9)
    expect(await failed(entry.id)).toMatchObject({ code: 'exited', message: expect.stringContaining('9') })
    expect(world.engine.row(entry.id)).toMatchObject({ port, state: 'exited' })
    expect(world.engine.made).toHaveLength(1)
  })

  it('and vanishes is missed, never made anew', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    await world.engine.vanish(entry.id)
    expect((await failed(entry.id))?.code).toBe('container_missing')
    expect(world.engine.made).toHaveLength(1)
  })

  it('stays through an engine that is away, which the edge is told', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.away = true
    world.engine.poke()
    const report = await until('the news', () => (world.edge.last?.engine.ok === false ? world.edge.last : undefined))
    expect(report.allocations).toMatchObject([{ id: entry.id, phase: 'running' }])
    const other = world.entry({ gpus: world.gpus.slice(1) })
    world.edge.wish([entry, other])
    expect((await failed(other.id))?.code).toBe('engine_error')
    world.engine.away = false
    await until('it is back', () => world.edge.last?.engine.ok)
    expect(world.phase(entry.id)).toBe('running')
  })
})

describe('a restart', () => {
  it('keeps tenants, and the edge sees no gap', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    const endpoint = { ...world.edge.fact(entry.id)?.endpoint, signature: expect.any(String) } // made anew each time
    await first.stop()
    expect(world.engine.row(entry.id)?.state).toBe('running')
    const seen = world.edge.reports.length
    await world.up()
    await until('a report', () => world.edge.reports.length > seen)
    for (const report of world.edge.reports.slice(seen)) expect(report.allocations).toMatchObject([{ phase: 'running', endpoint }])
    expect(world.edge.reports[seen]?.seq).toBeGreaterThan(world.edge.reports[seen - 1]?.seq ?? Infinity)
    expect(world.edge.reports[seen]?.boot).not.toBe(world.edge.reports[seen - 1]?.boot)
    expect(world.engine.made).toHaveLength(1)
  })

  it.each(['before the engine was asked', 'before its server answered'])('in the middle of a start, %s, ends with one container that runs', async (when) => {
    const reached = Promise.withResolvers<void>()
    if (when === 'before its server answered') world.engine.bannerAfterMs = Infinity
    else
      world.engine.beforeRun = (_, signal) => {
        reached.resolve()
        return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('cut'))))
      }
    const first = await world.up()
    const entry = world.entry()
    world.edge.wish([entry])
    await (when === 'before its server answered' ? until('made', () => world.engine.row(entry.id)) : reached.promise)
    await first.stop()
    world.engine.bannerAfterMs = 0
    world.engine.beforeRun = async () => undefined
    await world.up()
    await until('running', () => world.phase(entry.id) === 'running')
    expect(world.engine.rows).toHaveLength(1)
  })

  it('removes what must go by the wish on disk, with the edge away', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.away = true // so that the wish is heard and cannot be done
    world.edge.wish([world.tombstone(entry)])
    await until('heard', () => world.edge.last?.wish?.version === world.edge.version)
    await first.stop()
    await world.edge.stop()
    world.engine.away = false
    world.start()
    await until('it is gone', () => world.engine.rows.length === 0)
  })

  it('with a damaged wish touches nothing until a new one is there', async () => {
    const first = await world.up()
    const [stays, goes] = world.gpus.map((gpu) => world.entry({ gpus: [gpu] }))
    if (!stays || !goes) throw new Error('two GPUs')
    await world.running(stays, goes)
    await first.stop()
    await writeFile(join(world.config.state, 'wish.jws'), 'garbage')
    await world.edge.stop()
    const second = world.start()
    await until('it says so', () => second.lines.some((l) => l.includes('wish.jws in the state directory is damaged')))
    expect(world.engine.rows).toHaveLength(2)
    await world.edge.start()
    world.edge.wish([stays, world.tombstone(goes)])
    await until('as wished', () => world.phase(goes.id) === 'gone' && world.phase(stays.id) === 'running')
    expect(world.engine.rows.map((r) => r.allocation)).toEqual([stays.id])
  })

  it('is refused to a second agent on the same state, and to a damaged state', async () => {
    const first = await world.up()
    await expect(world.start().ended).rejects.toMatchObject({ name: 'Mistake', message: expect.stringContaining('another agent already uses') })
    await first.stop()
    expect(await readdir(world.config.state)).toContain('identity.json')
    await writeFile(join(world.config.state, 'identity.json'), '{')
    await expect(world.start().ended).rejects.toMatchObject({ name: 'Mistake', message: expect.stringContaining('identity.json is damaged') })
  })
})

describe('the edge', () => {
  it('may be away at the start and away later: the agent comes back by itself', async () => {
    await world.edge.stop()
    const { lines } = world.start()
    await until('it says so', () => lines.some((l) => l.includes('cannot be reached')))
    await world.edge.start()
    await until('a wake socket', () => world.edge.sockets.size === 1)
    const entry = world.entry()
    await world.running(entry)
    await world.edge.stop()
    await world.edge.start()
    await until('a new wake socket', () => world.edge.sockets.size === 1)
    await world.running(entry, world.entry({ gpus: world.gpus.slice(1) }))
    expect(world.engine.rows).toHaveLength(2)
  })

  it('may have a clock an hour away from ours', async () => {
    world.edge.skewMs = -3600_000
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    expect(world.edge.refused).toContain('stale')
    expect(world.edge.refused.filter((c) => c === 'stale').length).toBeLessThanOrEqual(2)
  })

  it('may not know us any more: the agent registers again', async () => {
    await world.up()
    await until('a report', () => world.edge.reports.length > 0)
    world.edge.forget()
    await world.running(world.entry())
    expect(world.edge.registrations).toHaveLength(2)
  })

  it('may not take us yet: the agent says who can change that, and goes on when they did', async () => {
    let admitted = false
    world.edge.fault = (path) => {
      if (path === '/agent/register' && !admitted) throw new Problem('not_admitted')
    }
    const { lines } = world.start()
    await until('it says so', () => lines.some((l) => l.includes(`compute admin allow ${world.hotkey} --role miner`)))
    admitted = true
    await until('a wake socket', () => world.edge.sockets.size === 1)
  })

  it('may see a nonce twice or lose an answer: one retry does', async () => {
    await world.up()
    let replayed = false
    world.edge.fault = (path) => {
      if (path !== '/agent/sync' || replayed) return
      replayed = true
      throw new Problem('replayed')
    }
    await world.running(world.entry())
    expect(replayed).toBe(true)
  })

  it('may send a wish that is older, or for somebody else: the agent stays with what it holds', async () => {
    const { lines } = await world.up()
    const entry = world.entry()
    world.edge.version = 10
    await world.running(entry)
    world.edge.version = 3
    world.edge.wish([world.tombstone(entry)])
    await until('refused', () => lines.some((l) => l.includes('4 is older than')))
    world.edge.version = 20
    world.edge.bend = (w) => ({ ...w, install: 'in_00000000000000000000000000' })
    world.edge.wish([world.tombstone(entry)])
    await until('refused too', () => lines.some((l) => l.includes('it is for install in_0000')))
    expect(world.engine.rows).toHaveLength(1)
    world.edge.bend = (w) => w
    world.edge.wake()
    await until('gone', () => world.phase(entry.id) === 'gone')
  })

  it('may change its key, which it showed before', async () => {
    await world.edge.announce()
    await world.up()
    await world.running(world.entry())
    world.edge.rotate()
    await world.running(world.entry({ gpus: world.gpus.slice(1) }))
  })

  it('that is not the one of the registration string is told nothing', async () => {
    const { lines } = world.start({ edge: { url: world.edge.url, pin: 'A'.repeat(43) } })
    await until('it says so', () => lines.some((l) => l.includes('does not show the key of the registration string')))
    expect(world.edge.registrations).toEqual([])
    expect(world.edge.reports).toEqual([])
  })
})
