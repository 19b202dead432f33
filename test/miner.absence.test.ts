import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { IncomingMessage } from 'node:http'
import { socketPath } from '../node-agents/core/socket.ts'
import { newOwner, newSpec } from './support/container.ts'
import { MinerWorld } from './support/miner.ts'
import { holdPort } from './support/ssh.ts'
import { until } from './support/until.ts'

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

/** As the operator of the host does. */
async function operator(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    void socketPath(world.config.state).then(
      (socket) =>
        request({ socketPath: socket, method, path }, resolve)
          .on('error', reject)
          .end(body && JSON.stringify(body)),
      reject,
    )
  })
  return JSON.parse(await text(response))
}

const unexplained = () => world.edge.last?.unexplained.length ?? 0

describe('what the wish does not mention', () => {
  it('is held, however many there are, until the operator confirms', async () => {
    const { lines } = await world.up()
    const [one, two] = world.gpus.map((gpu) => world.entry({ gpus: [gpu] }))
    if (!one || !two) throw new Error('two GPUs')
    await world.running(one, two)
    world.edge.wish([])
    await until('both are told', () => unexplained() === 2)
    await until('the operator is told', () => lines.some((l) => l.includes('compute miner confirm')))
    expect(await operator('GET', '/status')).toMatchObject({
      unexplained: [
        { id: one.id, goes_at: null },
        { id: two.id, goes_at: null },
      ],
    })
    expect(await operator('POST', '/confirm', { keys: [`${two.id}/1`] })).toEqual({ keys: [`${two.id}/1`] })
    await until('it is gone', () => world.engine.rows.length === 1)
    expect(world.engine.rows.map((r) => [r.allocation, r.state])).toEqual([[one.id, 'running']])
    await until('the edge hears it', () => unexplained() === 1)
    expect(lines.some((l) => l.includes('"why":"unexplained"') && l.includes('"level":"warn"'))).toBe(true)
  })

  it('comes back as it was when the wish mentions it again', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    world.edge.wish([])
    await until('unexplained', () => unexplained() === 1)
    await world.running({ ...entry, generation: 2 })
    expect(unexplained()).toBe(0)
    expect(world.engine.made).toHaveLength(1)
  })

  it('ends with the lease that was agreed last', async () => {
    await world.up()
    const entry = world.entry({ expires_at_ms: world.edge.now() + 3600_000 })
    await world.running(entry)
    const end = world.edge.now() + 4000
    await world.running({ ...entry, generation: 2, expires_at_ms: end })
    await until('heard', () => world.edge.fact(entry.id)?.observed_generation === 2)
    world.edge.wish([])
    await until('unexplained', () => unexplained() === 1)
    await until('its end', () => world.engine.rows.length === 0)
    expect(world.edge.now()).toBeGreaterThanOrEqual(end)
  })

  it('is answered when the edge asks for its end by name, known or not', async () => {
    await world.up()
    const never = world.entry()
    world.edge.wish([world.tombstone(never)])
    await until('gone', () => world.phase(never.id) === 'gone')
  })
})

describe('another agent on the same host', () => {
  it('keeps its GPU: the edge is told who has it', async () => {
    await world.up()
    const entry = world.entry()
    const { spec } = await newSpec('workspace:1', { gpus: entry.gpus })
    await world.engine.driver().run(newOwner(), spec)
    await until('seen', () => world.edge.last?.foreign === 1)
    world.edge.wish([entry])
    await until('refused', () => world.phase(entry.id) === 'failed')
    expect(world.edge.fact(entry.id)?.error).toEqual({ code: 'gpu_unavailable', message: expect.stringContaining('held by another agent on this host') })
    await world.running(world.entry({ gpus: world.gpus.slice(1) }))
  })
})

describe('a container that ended', () => {
  it('and whose port somebody took says so, and runs once the port is free', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    const port = world.engine.row(entry.id)?.port ?? 0
    await first.stop()
    await world.engine.exit(entry.id)
    const release = await holdPort(port)
    try {
      await world.up()
      const said = await until('the failure', () => (world.edge.fact(entry.id)?.error?.code === 'no_port' ? world.edge.fact(entry.id) : undefined))
      expect(said?.phase).toBe('starting')
    } finally {
      await release?.()
    }
    await until('it runs', () => world.phase(entry.id) === 'running', 30_000)
    expect(world.edge.fact(entry.id)?.endpoint?.port).toBe(port)
  })
})
