import { afterEach, describe, expect, it } from 'vitest'
import { testEngine } from './support/engine.ts'
import { CARDS, ProofWorld } from './support/proof-world.ts'

const engine = await testEngine()

let world: ProofWorld
afterEach(() => world?.close())

describe.skipIf(!engine)('a proof in a container', { timeout: 180_000 }, () => {
  it('runs over SSH with the Python of the image, leaves evidence, and takes the container along', async () => {
    world = await ProofWorld.make(['honest'], engine ?? 'box')
    world.startValidator()
    await world.walk('it is proved', async () => (await world.explained(0))?.proofs[0]?.result === 'valid')
    expect((await world.explained(0))?.proofs[0]).toMatchObject({ simulated: true, gpus: Array<string>(CARDS).fill('NVIDIA H200') })
    expect(await world.sound()).toHaveLength(1)
    await world.walk('nothing is left', async () => (await world.containers(0)).length === 0)
  })
})
