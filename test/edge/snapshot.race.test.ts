import { describe, expect, it, onTestFinished } from 'vitest'
import { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import { Tap } from '../support/tap.ts'
import { agree, Subnet, trustingEdge } from '../support/snapshot.ts'

/** An edge that trusts one validator, and a miner of its subnet; `meanwhile` happens once, after the next snapshot was planned and before it is written. */
async function world(model: string) {
  const database = await databases()[0].start()
  const tap = await new Tap(() => ({ port: Number(new URL(database.url).port) })).listen()
  const { edge, keys } = await trustingEdge(tap.url, 1)
  onTestFinished(async () => {
    await edge.close()
    await tap.close()
    await database.close()
  })
  const miner = new WireMiner(edge, 1, model)
  const subnet = new Subnet().join(miner.hotkey)
  expect(await agree(keys, subnet.now())).toMatchObject({ outcome: 'applied' })
  expect((await miner.register()).status).toBe(200)
  await miner.sync()
  let happened = 0
  const meanwhile = (what: () => Promise<unknown>) => {
    tap.onRequest = async ({ body }) => {
      if (!body.includes('UPDATE agents AS a SET role')) return
      tap.onRequest = () => undefined
      await what()
      happened++
    }
  }
  /** The next write of roles, to be sent once more whenever a test likes. */
  const caught = () =>
    new Promise<() => Promise<number>>((resolve) => {
      tap.onAnswer = ({ body }, repeat) => void (body.includes('UPDATE agents AS a SET role') && resolve(repeat))
    })
  const agent = async () => (await query(database.url, `SELECT role, standing, drained_by FROM agents WHERE hotkey = '${miner.hotkey}'`))[0]
  return { edge, keys, miner, subnet, meanwhile, caught, agent, happened: () => happened }
}

describe('between the plan and its write', () => {
  it('a person drains a miner that was to return: it stays drained', async () => {
    const { edge, keys, miner, subnet, meanwhile, agent, happened } = await world('Model drained')
    for (const s of [subnet.leave(miner.hotkey).next(), subnet.next()]) await agree(keys, s)
    expect(await agent()).toEqual({ role: 'miner', standing: 'draining', drained_by: 'chain' })
    meanwhile(() => edge.call(edge.adminKey, 'DELETE', `/admin/allow/${miner.hotkey}`))
    for (const s of [subnet.join(miner.hotkey).next(), subnet.next()]) {
      expect(await agree(keys, s)).toMatchObject({ outcome: 'applied' })
      expect(await agent()).toEqual({ role: 'miner', standing: 'draining', drained_by: 'operator' })
    }
    expect(happened()).toBe(1)
  })

  it('somebody rents from a miner that was to become a validator: it drains instead', async () => {
    const { edge, keys, miner, subnet, meanwhile, agent, happened } = await world('Model rented')
    const alice = await edge.key('alice')
    await agree(keys, subnet.validates(miner.hotkey).next())
    meanwhile(async () => expect((await edge.allocate(alice)).status).toBe(202))
    expect(await agree(keys, subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(happened()).toBe(1)
    expect(await agent()).toEqual({ role: 'miner', standing: 'active', drained_by: null })
    expect(await miner.sync()).toHaveLength(1)
    await agree(keys, subnet.next())
    expect(await agent()).toEqual({ role: 'miner', standing: 'draining', drained_by: 'chain' })
  })

  it('the snapshot of a later block is applied: this one says nothing any more', async () => {
    const { keys, miner, subnet, meanwhile, agent, happened } = await world('Model late')
    const late = subnet.leave(miner.hotkey).next()
    const later = subnet.next()
    meanwhile(async () => expect(await agree(keys, later)).toMatchObject({ outcome: 'applied' }))
    expect(await agree(keys, late)).toMatchObject({ outcome: 'older', applied_block: later.block })
    expect(happened()).toBe(1)
    expect(await agent()).toMatchObject({ standing: 'active' })
  })
})

describe('a write whose answer was lost, sent again late', () => {
  it('changes nothing over what was decided since', async () => {
    const { keys, miner, subnet, caught, agent } = await world('Model repeated')
    for (const s of [subnet.leave(miner.hotkey).next(), subnet.next()]) await agree(keys, s)
    const write = caught()
    await agree(keys, subnet.join(miner.hotkey).next())
    const repeat = await write
    expect(await agent()).toMatchObject({ standing: 'active' })
    for (const s of [subnet.leave(miner.hotkey).next(), subnet.next()]) await agree(keys, s)
    expect(await repeat()).toBe(200)
    expect(await agent()).toEqual({ role: 'miner', standing: 'draining', drained_by: 'chain' })
  })
})
