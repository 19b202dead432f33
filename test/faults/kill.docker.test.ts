import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { ACTS, acts } from './acts.ts'
import { OwnEngine } from './engine.ts'
import { Market } from './market.ts'
import { engineSteps } from './steps.ts'
import { Walk } from './walk.ts'

/** As many as an agent keeps ready: twice what it makes ahead. */
const SPARES = 4

const engine = await OwnEngine.open()
afterAll(() => engine?.close(), 120_000)

/** Every act of a tenant in a container, with the engine or the agent killed by -9 around every call between the two. */
describe.skipIf(!engine)('with containers', () => {
  let market: Market
  let walk: Walk
  beforeAll(async () => {
    market = await Market.open(engine)
    walk = new Walk(market)
  }, 120_000)
  afterAll(() => market?.close(), 120_000)

  const rows = (['engine', 'agent'] as const).flatMap((victim) =>
    ACTS.flatMap((act) => engineSteps(act, victim).map((step) => ({ act, victim, when: step.when, step }))),
  )
  test.each(rows)('$act: the $victim dies $when', { timeout: 120_000 }, async ({ act, step }) => {
    onTestFailed(async () => console.error(await market.logs()))
    await walk.through(acts[act], step)
  })

  test('the next agent finds what is left of all that, and removes it', { timeout: 120_000 }, async () => {
    await market.calm()
    await eventually(async () => expect((await engine?.networks())?.length).toBeLessThanOrEqual(SPARES))
  })
})
