import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Problem } from '../schema/index.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

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
