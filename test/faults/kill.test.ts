import { afterAll, beforeAll, describe, onTestFailed, test } from 'vitest'
import { ACTS, acts } from './acts.ts'
import { Market } from './market.ts'
import { STEPS } from './steps.ts'
import { Walk } from './walk.ts'

/** Every act of a tenant, with every part of the market killed by -9 at every step of it. */
describe.each(['agent', 'edge', 'database'] as const)('kill -9 of the %s', (victim) => {
  let market: Market
  let walk: Walk
  beforeAll(async () => {
    market = await Market.open()
    walk = new Walk(market)
  }, 120_000)
  afterAll(() => market?.close())

  const rows = STEPS.filter((s) => s.victim === victim)
  describe.each(rows)('$when', (step) => {
    test.each(ACTS.filter((a) => a === 'allocate' || a === 'release'))('%s', { timeout: 120_000 }, async (name) => {
      onTestFailed(async () => console.error(await market.logs()))
      await walk.through(acts[name], step)
    })
  })
})
