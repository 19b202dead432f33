import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fingerprint, hostKeyStatement, verifyBytes } from '../schema/index.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const phase = (id: string) => world.edge.fact(id)?.phase

describe('a miner agent', () => {
  it('registers, runs what is wished, vouches for its host key, and removes it again', async () => {
    world.start()
    await until('a wake socket', () => world.edge.sockets.size === 1)
    const entry = world.entry()
    world.edge.wish([entry])
    const fact = await until('running', () => (phase(entry.id) === 'running' ? world.edge.fact(entry.id) : undefined))
    const { endpoint } = fact
    expect(world.engine.row(entry.id)?.port).toBe(endpoint?.port)
    const statement = hostKeyStatement({
      allocation: entry.id,
      incarnation: 1,
      host: '127.0.0.1',
      port: endpoint?.port ?? 0,
      fingerprint: fingerprint(endpoint?.host_key ?? ''),
    })
    expect(verifyBytes(world.hotkey, statement, endpoint?.signature ?? '')).toBe(true)
    world.edge.wish([world.tombstone(entry)])
    await until('gone', () => phase(entry.id) === 'gone')
    expect(world.engine.rows).toEqual([])
  })
})
