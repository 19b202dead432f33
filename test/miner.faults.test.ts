import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ContainerSpec, DriverError } from '../node-agents/core/ports.ts'
import { openState } from '../node-agents/miner/state.ts'
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
  it('and ends is started again, the same one; after the third time in a row it rests, and is still theirs', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const port = world.engine.row(entry.id)?.port
    for (let i = 0; i < 3; i++) {
      await world.engine.exit(entry.id)
      await until('it runs again', () => world.engine.row(entry.id)?.state === 'running')
    }
    const again = await until('it is said', () => {
      const fact = world.edge.fact(entry.id)
      return fact?.phase === 'running' && fact.error ? fact : undefined
    })
    expect(again.error).toMatchObject({ code: 'exited', message: expect.stringContaining('137 (killed: out of memory') })
    await world.engine.exit(entry.id, 9)
    const resting = await until('it rests', () => {
      const fact = world.edge.fact(entry.id)
      return fact?.error?.message.includes('again and again') ? fact : undefined
    })
    expect(resting).toMatchObject({ phase: 'starting', error: { code: 'exited', message: expect.stringContaining('code 9') } })
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

  it('told to stop while the engine is away is not called gone', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.away = true
    world.engine.poke()
    await until('the news', () => world.edge.last?.engine.ok === false)
    world.edge.wish([world.tombstone(entry)])
    await until('the stop is heard', () => world.edge.fact(entry.id)?.observed_generation === 2)
    expect(world.phase(entry.id)).toBe('stopping')
    world.engine.away = false
    await until('gone', () => world.phase(entry.id) === 'gone')
  })

  it('is not lost to another engine: the agent refuses to go on there, and finds it again on its own', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    await first.stop()
    const own = world.engine.id
    world.engine.id = 'another engine'
    await expect(world.start().ended).rejects.toThrow(/1 rental\(s\) of this agent are on the container engine "memory 1".*--docker/)
    world.engine.id = own
    await world.up()
    await until('it runs', () => world.phase(entry.id) === 'running')
    expect(world.engine.made).toHaveLength(1)
  })
})

describe('a container that comes after it was given up', () => {
  it('is removed, and its GPU is free for the next', async () => {
    await world.up()
    let given: ContainerSpec | undefined
    world.engine.beforeRun = async (spec) => {
      given = spec
      throw new DriverError('engine_error', 'the engine did not answer in time')
    }
    const entry = world.entry()
    world.edge.wish([entry])
    expect((await failed(entry.id))?.code).toBe('engine_error')
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => world.phase(entry.id) === 'gone')
    world.edge.wish([])
    world.engine.beforeRun = async () => undefined
    const { install } = await openState(world.config.state, Date.now)
    if (!given) throw new Error('nothing was asked of the engine')
    await world.engine.driver().run({ edge: world.edge.address, hotkey: world.hotkey, install }, given)
    await until('removed', () => world.engine.rows.length === 0)
    await world.running(world.entry())
  })
})
