import { expect, it, onTestFinished } from 'vitest'
import { door } from '../../node-agents/cli/endpoint.ts'
import { type AllocationView, fingerprint, hostKeyStatement, verifyBytes } from '../../schema/index.ts'
import { databases } from '../support/database.ts'
import { readUntil, startTestEdge } from '../support/edge.ts'
import { MinerWorld } from '../support/miner.ts'
import { validatorAt } from '../support/wire-validator.ts'

/** The miner's own agent on the other side, over an engine in memory. */

it('an agent serves a proof as it serves a rent, and hands its cards over to the rent that takes them', { timeout: 120_000 }, async () => {
  const database = await databases()[0].start()
  const edge = await startTestEdge(database.url, { vars: { DEFAULT_IMAGE: 'workspace:1' } })
  const world = await MinerWorld.make()
  onTestFinished(async () => {
    await world.close()
    await edge.close()
    await database.close()
  })
  await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: world.hotkey, role: 'miner' })
  const key = await edge.key('alice')
  const validator = await validatorAt(edge)
  const agent = world.start({ edge: { url: edge.url, pin: edge.fingerprint } })

  const opened = await readUntil(
    () => validator.open(world.hotkey),
    (p) => p.http === 201,
    60_000,
  )
  const ready = await readUntil(
    () => validator.look(opened.id, 20),
    (p) => p.state === 'ready',
    60_000,
  )
  const { endpoint, incarnation } = ready
  if (!endpoint) throw new Error('no endpoint')
  const statement = hostKeyStatement({
    allocation: ready.id,
    incarnation,
    host: endpoint.host,
    port: endpoint.port,
    fingerprint: fingerprint(endpoint.host_key),
  })
  expect(verifyBytes(world.hotkey, statement, endpoint.signature), 'the miner vouches for its host key').toBe(true)
  expect(ready.gpus.map((g) => g.uuid).toSorted()).toEqual(world.gpus.toSorted())

  const beside: string[] = []
  world.engine.beforeRun = async (spec) => {
    beside.push(...world.engine.rows.filter((r) => r.gpus.some((gpu) => spec.gpus.includes(gpu))).map((r) => r.allocation))
  }
  const rented = await edge.allocate(key, { gpu: { count: 2 }, image: 'workspace:1' }, { prefer: 'wait=60' })
  expect(rented.body).toMatchObject({ state: 'running', hotkey: world.hotkey })
  expect(door(rented.body as AllocationView).port).toBeGreaterThan(0)
  expect(world.engine.made).toEqual([`${ready.id}/1`, `${rented.body.id}/1`])
  expect(beside, 'the one was gone before the other began').toEqual([])
  expect((await validator.look(ready.id)).state).toBe('preempted')

  // Nothing the agent has ever been told or says tells the two apart.
  const words = agent.lines.join('\n').replaceAll(ready.id, 'A').replaceAll(rented.body.id, 'A')
  expect(words).not.toMatch(/proof|prove/i)
})
