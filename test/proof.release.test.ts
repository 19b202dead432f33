import { afterEach, expect, it } from 'vitest'
import { answer } from '../node-agents/cli/client.ts'
import { PROOF_HOLDS_MS, PROOF_PAUSE_MS } from '../schema/index.ts'
import { query } from './support/database.ts'
import { CARDS, ProofWorld } from './support/proof-world.ts'
import { keyPair } from './support/ssh.ts'
import { until } from './support/until.ts'

/** Proof on release (DESIGN §9), with everything real but the cards: edge, miner, its boxes, and a validator in a process of its own. */

let world: ProofWorld
afterEach(() => world?.close())

it('cards that are given back are proved before anybody has them again, when their proof is old', { timeout: 240_000 }, async () => {
  world = await ProofWorld.make(['honest'])
  const { hotkey } = world.miner(0)
  const { api } = await world.stack.client()
  const rent = async (key: string, wait = 'wait=50') => {
    const json = { ssh_keys: [keyPair().public], gpu: { count: CARDS }, hotkey }
    return answer(api.v1.allocations.$post({ json, header: { prefer: wait, 'idempotency-key': key } }))
  }
  const free = async () => (await answer(api.v1.gpus.$get({ query: {} }))).body.free
  const closed = () => query(world.stack.databaseUrl, 'SELECT result, closed_at FROM proofs WHERE closed_at IS NOT NULL')

  world.startValidator()
  await world.walk('it is proved', async () => (await world.explained(0))?.proofs[0]?.result === 'valid')
  await until('its cards are free again', async () => (await free()) === CARDS)
  const { body } = await rent('first')
  expect(body.state).toBe('running')

  // An hour after that proof at least, and what it said does not hold any more.
  await world.passed(PROOF_PAUSE_MS)
  await query(world.stack.databaseUrl, `UPDATE gpus SET proved_at = proved_at - ${PROOF_HOLDS_MS.unrented}`)
  await answer(api.v1.allocations[':id'].$delete({ param: { id: body.id }, header: { prefer: 'wait=30' } }))
  await until('the host says that it is gone', async () => (await world.containers(0)).length === 0)
  expect(await free(), 'not even who gave them back has them').toBe(0)
  await expect(rent('too early', 'wait=0')).rejects.toThrow(/no host has/)
  expect(await closed()).toHaveLength(1)

  await until('the validator proves them, by the block', async () => (await world.chain.control.advance(1), (await closed()).length === 2), 90_000)
  expect(await closed()).toEqual([expect.objectContaining({ result: 'valid' }), expect.objectContaining({ result: 'valid' })])
  await until('they are back in the pool', async () => (await free()) === CARDS)
  expect((await rent('second')).body.state).toBe('running')
  expect((await world.explained(0))?.proofs.map((p) => p.result)).toEqual(['valid', 'valid'])
})
