import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Registration, Report } from '../../schema/index.ts'
import type { Wire } from '../support/fake-edge.ts'
import { MinerWorld } from '../support/miner.ts'
import { until } from '../support/until.ts'
import { registration1, report1 } from '../support/wire1.ts'

/** An edge of the release before this one reads what it knows, and leaves the rest out. */
const WIRE1: Wire = {
  newest: 1,
  oldest: 1,
  registration: { parse: (json) => registration1.parse(json) as Registration },
  report: { parse: (json) => report1.parse(json) as Report },
}

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

describe("today's agent at an edge of protocol 1", () => {
  beforeEach(() => {
    world.edge.wire = WIRE1
  })

  test('registers, rents out and gives back', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    expect(world.edge.fact(entry.id)?.endpoint).toMatchObject({ host: '127.0.0.1', user: expect.any(String) })
    world.edge.wish([world.tombstone(entry)])
    await until('it is gone', () => world.phase(entry.id) === 'gone')
    expect(world.edge.refused).toEqual([])
  })

  test('and over an upgrade of the edge keeps what runs', async () => {
    const running = await world.up()
    const entry = world.entry()
    await world.running(entry)
    const made = world.edge.fact(entry.id)?.endpoint
    world.edge.wire = { ...WIRE1, newest: 2, oldest: 1 }
    world.edge.wish([{ ...entry, generation: 2, expires_at_ms: entry.expires_at_ms + 1 }])
    await until('it acknowledges', () => world.edge.fact(entry.id)?.observed_generation === 2)
    expect(world.edge.fact(entry.id)).toMatchObject({ phase: 'running', endpoint: made })
    await running.stop()
  })
})

describe("today's agent and a wish from the future", () => {
  test('ignores fields it does not know', async () => {
    world.edge.bend = (wish) => ({ ...wish, colour: 'blue' })
    await world.up()
    const entry = { ...world.entry(), colour: 'blue' }
    await world.running(entry)
  })

  test('answers a kind it does not know with "unsupported", and runs the rest', async () => {
    await world.up()
    const known = world.entry()
    const { kind: _, ...rest } = world.entry({ gpus: world.gpus.slice(1, 2) })
    const unknown = { ...rest, kind: 'enclave' }
    world.edge.wish([unknown, known])
    await until('the known one runs', () => world.phase(known.id) === 'running')
    await until('the unknown one is answered', () => world.edge.fact(unknown.id)?.error?.code === 'unsupported')
    expect(world.phase(unknown.id)).toBe('failed')
  })

  test('refuses a protocol above its own, and keeps what it holds', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const reports = world.edge.reports.length
    world.edge.bend = (wish) => ({ ...wish, protocol: 99 })
    world.edge.wish([])
    await until('it reports again', () => world.edge.reports.length > reports)
    world.edge.bend = (wish) => wish
    world.edge.wish([entry])
    await until('it holds the wish it understands', () => {
      world.edge.wake() // a report tells of the wish held before it
      return world.edge.last?.wish?.version === world.edge.version
    })
    expect(world.phase(entry.id)).toBe('running')
  })
})
