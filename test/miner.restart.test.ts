import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

describe('a state directory that cannot be written', () => {
  it('starts nothing new, and still ends what must end', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const wish = join(world.config.state, 'wish.jws')
    await rm(wish)
    await mkdir(wish) // as good as a full disk: no file can take this name
    const other = world.entry({ gpus: world.gpus.slice(1) })
    world.edge.wish([world.tombstone(entry), other])
    await until('refused', () => world.edge.fact(other.id)?.error?.code === 'disk_full')
    await until('gone', () => world.phase(entry.id) === 'gone')
    expect(world.engine.made).toHaveLength(1)
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
