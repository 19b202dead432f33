import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Proved, ProofTarget } from '../node-agents/core/ports.ts'
import { scoreMiner } from '../node-agents/validator/score/score.ts'
import type { WireMiner } from './support/agent.ts'
import { until } from './support/until.ts'
import { type Validator, ValidatorWorld } from './support/validators.ts'

const LONG_MS = 180_000
/** A process on a machine that is busy with other tests. */
const SOON_MS = 30_000

let world: ValidatorWorld
afterEach(() => world.close())

const cardsOf = (miner: WireMiner) => (miner.facts.gpu.status === 'ok' ? miner.facts.gpu.gpus.map(({ uuid, model }) => ({ uuid, model })) : [])
const valid = (miner: WireMiner): Proved => ({ result: 'valid', gpus: cardsOf(miner), simulated: true })
/** Proves whatever the edge shows. */
const honest = async ({ miner }: ProofTarget): Promise<Proved> =>
  miner ? { result: 'valid', gpus: miner.gpus.map(({ uuid, model }) => ({ uuid, model })), simulated: true } : { result: 'failed', reason: 'unknown' }

/** A validator that may act, and so many miners that the edge knows. */
async function market(miners: number): Promise<WireMiner[]> {
  world = await ValidatorWorld.make(1, { commitReveal: false })
  const [own = ''] = world.hotkeys
  await world.empower(own, await world.register(own))
  const made: WireMiner[] = []
  for (let i = 0; i < miners; i++) made.push(await world.miner(i === 0 ? 8 : 4))
  return made
}

/** The edge learns of the subnet, and then of its miners. */
async function enter(validator: Validator, miners: WireMiner[]): Promise<void> {
  await world.chain.control.advance(25)
  await until('roles', async () => Object.keys(await world.roles()).length > miners.length && validator, SOON_MS)
  for (const miner of miners) {
    expect((await miner.register()).status).toBe(200)
    await miner.sync()
  }
}

/** Block after block, until it is so. */
async function walk(what: string, condition: () => Promise<boolean> | boolean, step = 1): Promise<void> {
  const turn = async () => (await condition()) || (await world.chain.control.advance(step), false)
  await until(what, turn, SOON_MS)
}

const job = async (validator: Validator, name: string) => (await validator.look()).jobs.find((j) => j.job === name)

describe('the loops of a validator', { timeout: LONG_MS }, () => {
  it('go from proofs to scores, to the edge, and to weights that are there', async () => {
    const miners = await market(2)
    const [best, half] = miners as [WireMiner, WireMiner]
    const recordedProofs = join(world.dir, 'proofs.json')
    const validator = world.start(0, { recordedProofs, prometheusIp: '8.8.4.4', prometheusPort: 9101 })
    await enter(validator, miners)
    await walk('no record is no proof', async () => (await job(validator, 'proofs'))?.trouble?.includes('is not there') === true)
    expect((await validator.look()).proofs?.results, 'and nobody is blamed').not.toHaveProperty('failed')
    await writeFile(recordedProofs, JSON.stringify({ [best.hotkey]: valid(best), [half.hotkey]: valid(half) }))
    await walk('both are proved', async () => (await validator.look()).proofs?.results['valid'] === 2)
    await walk('weights are confirmed', async () => (await validator.look()).weights.confirmed !== null, 3)
    const status = await validator.look()
    expect(status).toMatchObject({ filter: { included: 2 }, store_errors: 0, publish_trouble: null, scores: { scored: 2, unscored: 0 } })
    expect(status.weights).toMatchObject({ trouble: null, read_back: { same: true }, confirmed: { uids: 2 } })
    expect(status.jobs.map((j) => j.job)).toEqual(['metagraph', 'filter', 'status', 'announce', 'specs', 'proofs', 'released', 'weights'])
    expect(status.jobs.filter((j) => j.trouble !== null)).toEqual([])
    await until('the edge has them', async () => (await world.scores())[best.hotkey] === 100, SOON_MS)
    expect(await world.scores()).toMatchObject({ [half.hotkey]: 50 })

    expect(validator.said(/^the place of the metrics is announced on chain$/)).toEqual(['info'])

    await validator.stop()
    const again = world.start(0, { recordedProofs })
    await walk('it goes on', async () => again.said(/^scores are computed$/).length > 0)
    const after = await again.look()
    expect(
      after.jobs.find((j) => j.job === 'proofs'),
      'the round is not due again',
    ).toMatchObject({ trouble: null, next: (after.jobs.find((j) => j.job === 'proofs')?.last ?? 0) + 360 })
    expect(after.proofs?.results).toEqual({})
    expect(after.scores).toMatchObject({ scored: 2 })
    expect(after.weights.confirmed, 'nor are weights set twice').toMatchObject({ block: status.weights.confirmed?.block })
  })

  it('wait for no miner that is silent', async () => {
    const miners = await market(6)
    const [silent] = miners as [WireMiner]
    const prove = (target: ProofTarget) => (target.hotkey === silent.hotkey ? new Promise<Proved>(() => undefined) : honest(target))
    await world.lookedAround()
    const validator = world.start(0, { proofTimeout: 3600 }, undefined, { prover: { prove } })
    await enter(validator, miners)
    await walk('all others are proved', async () => (await validator.look()).proofs?.results['valid'] === 5)
    const lines = () => validator.said(/^block \d+ \| uid/).length
    const before = lines()
    await walk('other loops go on', async () => lines() > before && (await validator.look()).weights.confirmed !== null, 5)
    const status = await validator.look()
    expect(status.proofs).toMatchObject({ running: 1, results: { valid: 5 } })
    expect(status.scores).toMatchObject({ scored: 5 })
  })

  it('keep a score that cannot be computed any more, and say so', async () => {
    const miners = await market(2)
    const [best] = miners as [WireMiner]
    let broken = false
    const score: typeof scoreMiner = (view, ...rest) => {
      if (broken && view.neuron.hotkey === best.hotkey) throw new Error('a broken record')
      return scoreMiner(view, ...rest)
    }
    const validator = world.start(0, {}, undefined, { prover: { prove: honest }, score })
    await enter(validator, miners)
    await walk('scores', async () => (await validator.look()).scores?.scored === 2)
    broken = true
    await walk('it is said', () => validator.said(/^the score of .* cannot be computed: its last score stands/).length > 0, 5)
    expect((await validator.look()).scores).toMatchObject({ scored: 2, unscored: 1 })
    await walk('weights', async () => (await validator.look()).weights.confirmed?.uids === 2, 5)
  })

  it('survive an edge that is away, and a chain that is', async () => {
    const miners = await market(1)
    const validator = world.start(0, {}, undefined, { prover: { prove: honest } })
    await enter(validator, miners)
    await walk('scores', async () => (await validator.look()).scores?.scored === 1)
    await world.stopEdge()
    await walk('specs are missed', async () => (await job(validator, 'specs'))?.trouble != null, 10)
    const round = (await validator.look()).scores?.block ?? 0
    await walk(
      'scores and weights go on without',
      async () => ((await validator.look()).scores?.block ?? 0) > round && (await validator.look()).weights.confirmed !== null,
      5,
    )
    await world.startEdge()
    await walk('specs are back', async () => (await job(validator, 'specs'))?.trouble === null)
    await world.restartChain(async () => {
      await until('the chain is missed', async () => (await validator.look()).chain.endpoint === null, SOON_MS)
    })
    const before = (await validator.look()).subnet?.block ?? 0
    await walk('the chain is back', async () => ((await validator.look()).subnet?.block ?? 0) > before)
    expect(validator.said(/a loop failed/)).toEqual([])
  })
})
