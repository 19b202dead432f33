import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WishRun } from '../schema/index.ts'
import { DriverError } from '../node-agents/core/ports.ts'
import { ask, facts, holdAt, LONG, trouble } from './support/acts.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const fact = (e: WishRun) => world.edge.fact(e.id)

describe('pause and resume', () => {
  it('freeze and thaw, keep the endpoint, and say so', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const endpoint = fact(entry)?.endpoint
    const paused = await ask(world, entry, { desired: 'pause' }, 'paused')
    expect(fact(entry)?.endpoint).toEqual(endpoint)
    expect(world.engine.row(entry.id)?.state).toBe('paused')
    await ask(world, paused, { desired: 'run' }, 'running')
    expect(fact(entry)?.endpoint).toEqual(endpoint)
    expect(world.engine.acts).toEqual(['pause', 'unpause'])
  })

  it('survive a restart of the agent, which sees no gap', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    await ask(world, entry, { desired: 'pause' }, 'paused')
    await first.stop()
    const seen = world.edge.reports.length
    await world.up()
    await until('a report', () => world.edge.reports.length > seen)
    for (const report of world.edge.reports.slice(seen)) expect(report.allocations).toMatchObject([{ phase: 'paused', endpoint: { port: expect.any(Number) } }])
    expect(world.engine.acts).toEqual(['pause'])
  })

  it('end with the lease, without the edge', async () => {
    await world.up()
    const entry = world.entry({ expires_at_ms: world.edge.now() + 1500 })
    await world.running(entry)
    await ask(world, entry, { desired: 'pause' }, 'paused')
    await world.edge.stop()
    await until('its end', () => world.engine.rows.length === 0)
    expect(world.edge.now()).toBeGreaterThanOrEqual(entry.expires_at_ms)
  })

  it('end with a release', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    await ask(world, entry, { desired: 'pause' }, 'paused')
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => world.phase(entry.id) === 'gone')
    expect(world.engine.rows).toEqual([])
  })

  it('one that dies while paused is started and paused again', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    await ask(world, entry, { desired: 'pause' }, 'paused')
    await world.engine.exit(entry.id)
    await until('paused again', () => world.engine.acts.length === 3 && fact(entry)?.phase === 'paused')
    expect(world.engine.acts).toEqual(['pause', 'start', 'pause'])
    expect(await trouble(world, entry)).toMatchObject({ phase: 'paused', error: { code: 'exited', message: expect.stringContaining('137') } })
  })

  it('that fail say why while the phase tells the truth, and are tried again', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.beforeAct = async () => {
      throw new DriverError('engine_error', 'the freezer is stuck')
    }
    world.edge.wish([{ ...entry, desired: 'pause', generation: 2 }])
    const said = await trouble(world, entry)
    expect(said).toMatchObject({ phase: 'running', error: { code: 'engine_error', message: 'the freezer is stuck' }, observed_generation: 2 })
    world.engine.beforeAct = async () => undefined
    await until('paused', () => world.phase(entry.id) === 'paused', LONG)
    await until('and nothing is wrong any more', () => fact(entry)?.error === null)
  })

  it('asked for while the engine is away are done when it is back', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.away = true
    world.engine.poke()
    await until('the news', () => world.edge.last?.engine.ok === false)
    world.edge.wish([{ ...entry, desired: 'pause', restart_n: 1, generation: 2 }])
    await until('heard', () => fact(entry)?.observed_generation === 2)
    expect(fact(entry)).toMatchObject({ phase: 'running', restart_n: 0 })
    world.engine.away = false
    await until('paused', () => world.phase(entry.id) === 'paused', LONG)
    expect(fact(entry)?.restart_n).toBe(1)
    expect(world.engine.acts).toEqual(['stop', 'start', 'pause'])
  })
})

describe('a restart', () => {
  it('stops and starts the same container once, and is not called done before its SSH server answers', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const before = fact(entry)?.endpoint
    world.engine.bannerAfterMs = 1500
    const seen = facts(world, entry).length
    await ask(world, entry, { restart_n: 1 }, 'running')
    expect(world.engine.acts).toEqual(['stop', 'start'])
    expect(fact(entry)?.endpoint).toEqual({ ...before, signature: expect.any(String) }) // made anew each time
    expect(world.engine.made).toHaveLength(1)
    const told = facts(world, entry)
      .slice(seen)
      .map((f) => `${f.phase} ${f.restart_n}`)
    expect(told.some((t) => t.startsWith('starting'))).toBe(true)
    expect(told.indexOf('running 1'), told.join()).toBe(told.length - 1)
  })

  it('asked for twice at once is one, and answers both; wishes that come again or go back change nothing', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const twice = await ask(world, entry, { restart_n: 2 }, 'running')
    for (const restart_n of [2, 1, 0, 2]) await ask(world, twice, { restart_n }, 'running')
    expect(fact(entry)?.restart_n).toBe(2)
    expect(world.engine.acts).toEqual(['stop', 'start'])
  })

  it('of a paused one leaves it paused', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const paused = await ask(world, entry, { desired: 'pause' }, 'paused')
    await ask(world, paused, { restart_n: 1 }, 'paused')
    expect(world.engine.acts).toEqual(['pause', 'stop', 'start', 'pause'])
  })

  it('helps one whose SSH server does not answer', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    await first.stop()
    await world.engine.mute(entry.id)
    await world.up()
    await until('it does not answer', () => fact(entry)?.phase === 'starting')
    const begun = performance.now()
    await ask(world, entry, { restart_n: 1 }, 'running')
    expect(performance.now() - begun, 'nobody waits for the one that does not answer').toBeLessThan(15_000)
  })

  it('that the disk does not remember is not done, says so, and is done once when it can be', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const acts = join(world.config.state, 'acts.json')
    const held = await readFile(acts, 'utf8')
    await rm(acts)
    await mkdir(acts) // no file can take this name
    world.edge.wish([{ ...entry, restart_n: 1, generation: 2 }])
    const said = await trouble(world, entry)
    expect(said).toMatchObject({ phase: 'running', restart_n: 0 })
    expect(world.engine.acts).toEqual([])
    await rm(acts, { recursive: true })
    await writeFile(acts, held)
    await until('restarted', () => fact(entry)?.restart_n === 1 && world.phase(entry.id) === 'running', LONG)
    expect(world.engine.acts).toEqual(['stop', 'start'])
  })

  it.each([
    ['before its container was stopped', 'stop', []],
    ['before it was started again', 'start', ['stop', 'start']],
  ])('cut off by a crash %s is never done twice', async (_, act, done) => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    const cut = holdAt(world, act)
    world.edge.wish([{ ...entry, restart_n: 1, generation: 2 }])
    await cut.reached
    await cut.kill(first)
    await world.up()
    await until('it runs, and the restart is counted', () => fact(entry)?.restart_n === 1 && world.phase(entry.id) === 'running')
    expect(world.engine.acts).toEqual(done)
    expect(fact(entry)?.error, 'its tenant asked for it').toBeNull()
  })

  it('that fails half way is finished while the agent lives, and only then counted', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.engine.beforeAct = async (act) => {
      if (act === 'start') throw new DriverError('no_port', 'its port is taken')
    }
    world.edge.wish([{ ...entry, restart_n: 1, generation: 2 }])
    const said = await trouble(world, entry)
    expect(said).toMatchObject({ phase: 'starting', restart_n: 0, error: { code: 'no_port' } })
    world.engine.beforeAct = async () => undefined
    await until('restarted', () => fact(entry)?.restart_n === 1 && world.phase(entry.id) === 'running', LONG)
  })
})
