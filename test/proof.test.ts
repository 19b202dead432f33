import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { answer } from '../node-agents/cli/client.ts'
import { type AllocationView, PROOF_MAX_MS, PROOF_PAUSE_MS } from '../schema/index.ts'
import { CARDS, type Host, ProofWorld } from './support/proof-world.ts'
import { keyPair, login } from './support/ssh.ts'
import { until } from './support/until.ts'

/** Miners on a real edge, proved over SSH by a validator that is a process of its own. Cards are simulated; hosts lie all by themselves. */

const LONG_MS = 180_000
const LIARS: Host[] = ['garbage', 'quitter', 'replayer', 'smaller', 'forger']

let world: ProofWorld
afterEach(() => world?.close())

const newest = async (n: number) => (await world.explained(n))?.proofs[0]
const isProved = async (n: number) => (await newest(n))?.result === 'valid'

describe('proofs of miners', { timeout: LONG_MS }, () => {
  it('pay the honest one, with evidence that anybody can check; liars get nothing, who says nothing holds nobody up, and a client goes first', async () => {
    world = await ProofWorld.make(['honest', 'sleeper', ...LIARS])
    world.startValidator()
    await world.walk('the honest one is proved', () => isProved(0))
    expect(await newest(1), 'nobody waited for the silent one').toBeUndefined()
    const proved = await newest(0)
    expect(proved).toMatchObject({ simulated: true, gpus: Array<string>(CARDS).fill('NVIDIA H200') })

    await world.walk('each liar was tried', async () => {
      const tried = await Promise.all(LIARS.map((_, i) => newest(2 + i)))
      return tried.every((proof) => proof !== undefined)
    })
    const results = Object.fromEntries(await Promise.all(LIARS.map(async (liar, i) => [liar, await newest(2 + i)] as const)))
    expect(results).toMatchObject({
      garbage: { result: 'failed', gpus: [] },
      quitter: { result: 'failed', gpus: [] },
      replayer: { result: 'invalid', reason: expect.stringMatching(/mismatch/), gpus: [] },
      smaller: { result: 'failed', gpus: [] },
      forger: { result: 'failed', gpus: [] },
    })

    await clientGoesFirst(1)
    await world.walk('there is a score', async () => ((await world.explained(0))?.stat?.score ?? 0) > 0)
    for (let n = 1; n < 2 + LIARS.length; n++) expect((await world.explained(n))?.stat?.score ?? 0).toBe(0)
    await evidenceIsSound()
  })

  it('are over when their time is, though the validator was killed with -9, and go on when it is back', async () => {
    world = await ProofWorld.make(['sleeper'])
    world.startValidator()
    await world.walk('a proof is open', async () => (await world.open(0)) !== null)
    await world.killValidator()
    await world.stack.tick()
    expect(await world.open(0), 'it may take its time').not.toBeNull()
    await world.passed(PROOF_MAX_MS)
    await until('the edge ends it', async () => (await world.stack.tick(), (await world.open(0)) === null), 30_000)
    const { api } = await world.stack.client()
    await until('all cards are free', async () => (await answer(api.v1.gpus.$get({ query: {} }))).body.free === CARDS, 30_000)
    expect(await world.containers(0)).toEqual([])
    await world.passed(PROOF_PAUSE_MS)
    await world.mend(0)
    world.startValidator()
    await world.walk('it is proved', () => isProved(0))
  })
})

/** All cards of the nth miner are rented at once, though a proof has them whose clock does not run yet, which costs the miner nothing. */
async function clientGoesFirst(n: number): Promise<void> {
  expect(await world.open(n)).toMatchObject({ isGone: false })
  const [pair, { api }] = [keyPair(), await world.stack.client()]
  const json = { ssh_keys: [pair.public], gpu: { count: CARDS }, hotkey: world.miner(n).hotkey }
  const { body } = await answer(api.v1.allocations.$post({ json, header: { prefer: 'wait=50', 'idempotency-key': 'rent' } }))
  expect(body).toMatchObject({ state: 'running', hotkey: world.miner(n).hotkey })
  expect(await login(target(body, pair.private), 'echo mine')).toMatchObject({ out: 'mine\n' })
  expect(await world.open(n)).toBeNull()
  await until('the validator hears of it', () => /a client took its cards/.test(world.said), 30_000)
  expect((await world.explained(n))?.proofs).toEqual([])
}

/** The evidence of one proof stands a check by itself, and does not when a byte is another. */
async function evidenceIsSound(): Promise<void> {
  const [path = '', ...more] = await world.sound()
  expect(more).toEqual([])
  const bytes = await readFile(path)
  const at = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  await writeFile(path, bytes)
  expect(await world.sound()).toEqual([])
}

function target({ endpoint }: AllocationView, privateKey: string) {
  if (!endpoint) throw new Error('it has no endpoint')
  return { port: endpoint.port, hostKey: endpoint.host_key, privateKey }
}
