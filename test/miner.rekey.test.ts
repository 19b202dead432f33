import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WishRun } from '../schema/index.ts'
import { DriverError } from '../node-agents/core/ports.ts'
import { generateSshKey } from '../node-agents/core/ssh-key.ts'
import { ask, facts, holdAt, LONG, trouble } from './support/acts.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const fact = (e: WishRun) => world.edge.fact(e.id)

const key = () => generateSshKey('test').publicKey

describe('a rekey', () => {
  it('ends sessions when a key is taken away, and not when one is added', async () => {
    await world.up()
    const [one, two] = [key(), key()]
    const entry = world.entry({ ssh_keys: [one] })
    await world.running(entry)
    const added = await ask(world, entry, { ssh_keys: [one, two], keys_n: 2 }, 'running')
    expect(world.engine.row(entry.id)).toMatchObject({ spec: { authorizedKeys: [one, two] }, sessionsEnded: 0 })
    await ask(world, added, { ssh_keys: [two], keys_n: 3 }, 'running')
    expect(world.engine.row(entry.id)).toMatchObject({ spec: { authorizedKeys: [two] }, sessionsEnded: 1 })
    expect(world.engine.acts).toEqual(['rekey', 'rekey'])
  })

  it('of a paused one runs it for that moment only, and nobody is told', async () => {
    await world.up()
    const next = key()
    const entry = world.entry({ ssh_keys: [key()] })
    await world.running(entry)
    const paused = await ask(world, entry, { desired: 'pause' }, 'paused')
    const seen = facts(world, entry).length
    await ask(world, paused, { ssh_keys: [next], keys_n: 2 }, 'paused')
    expect(world.engine.acts).toEqual(['pause', 'unpause', 'rekey', 'pause'])
    expect(world.engine.row(entry.id)).toMatchObject({ state: 'paused', spec: { authorizedKeys: [next] }, sessionsEnded: 1 })
    expect(
      new Set(
        facts(world, entry)
          .slice(seen)
          .map((f) => f.phase),
      ),
    ).toEqual(new Set(['paused']))
  })

  it('asked for while the container is made is done once it runs', async () => {
    await world.up()
    const gate = Promise.withResolvers<void>()
    world.engine.pull = async (reference) => {
      await gate.promise
      world.engine.images.add(reference)
    }
    const [old, next] = [key(), key()]
    const entry = world.entry({ image: 'cold:1', ssh_keys: [old] })
    world.edge.wish([entry])
    await until('pulling', () => world.phase(entry.id) === 'pulling')
    world.edge.wish([{ ...entry, ssh_keys: [next], keys_n: 2, generation: 2 }])
    await until('heard', () => fact(entry)?.observed_generation === 2)
    gate.resolve()
    await until('rekeyed', () => fact(entry)?.keys_n === 2 && world.phase(entry.id) === 'running')
    expect(world.engine.row(entry.id)).toMatchObject({ spec: { authorizedKeys: [next] }, sessionsEnded: 1 })
    expect(facts(world, entry).filter((f) => f.phase === 'running' && f.keys_n === 1).length).toBeLessThanOrEqual(1)
  })

  it('cut off by a crash is done again, and still knows the key that was taken away', async () => {
    const first = await world.up()
    const next = key()
    const entry = world.entry({ ssh_keys: [key()] })
    await world.running(entry)
    const cut = holdAt(world, 'rekey')
    world.edge.wish([{ ...entry, ssh_keys: [next], keys_n: 2, generation: 2 }])
    await cut.reached
    await cut.kill(first)
    await world.up()
    await until('rekeyed', () => fact(entry)?.keys_n === 2)
    expect(world.engine.row(entry.id)).toMatchObject({ spec: { authorizedKeys: [next] }, sessionsEnded: 1 })
  })

  it('that fails is not counted, says why, and is tried again', async () => {
    await world.up()
    const next = key()
    const entry = world.entry({ ssh_keys: [key()] })
    await world.running(entry)
    world.engine.beforeAct = async () => {
      throw new DriverError('engine_error', 'open sessions could not be ended')
    }
    world.edge.wish([{ ...entry, ssh_keys: [next], keys_n: 2, generation: 2 }])
    const said = await trouble(world, entry)
    expect(said).toMatchObject({ phase: 'running', keys_n: 1, error: { message: 'open sessions could not be ended' } })
    world.engine.beforeAct = async () => undefined
    await until('rekeyed', () => fact(entry)?.keys_n === 2 && fact(entry)?.error === null, LONG)
  })
})
