import { afterAll, beforeAll, describe, onTestFailed, test } from 'vitest'
import { ACTS, acts } from './acts.ts'
import { Market, type Victim } from './market.ts'
import { STEPS } from './steps.ts'
import { Walk } from './walk.ts'

/** Every act of a tenant, with this part of the market killed by -9 at every step of it. One file for each, so that they run side by side. */
export function killedAtEveryStep(victim: Exclude<Victim, 'engine'>): void {
  describe(`kill -9 of the ${victim}`, () => {
    let market: Market
    let walk: Walk
    beforeAll(async () => {
      market = await Market.open()
      walk = new Walk(market)
    }, 120_000)
    afterAll(() => market?.close(), 120_000)

    const rows = STEPS.filter((s) => s.victim === victim)
    describe.each(rows)('$when', (step) => {
      test.each(ACTS)('%s', { timeout: 120_000 }, async (name) => {
        onTestFailed(async () => console.error(await market.logs()))
        await walk.through(acts[name], step)
      })
    })
  })
}
