import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCatalog } from '../../catalog.ts'
import { Mistake } from '../../mistake.ts'
import { KEEP_LIMIT, Verifier } from '../verify.ts'
import { checkTask } from '../session/limits.ts'
import { gatesOf } from './gates.ts'
import { identify } from './identify.ts'
import { measure } from './measure.ts'
import { simulatedTask, sizesFor } from './task.ts'
import type { Claim } from './types.ts'

const catalog = readCatalog()
const claim = (o: Partial<Claim> = {}): Claim => ({ model: 'NVIDIA H200', count: 8, vramMb: 1e9, simulated: false, ...o })

describe('sizes of a proof', () => {
  /** K as in the table that the sizes come from; n = 16384, w = 256, f = 8, r = 4. */
  const K: [string, number][] = [
    ['NVIDIA H200', 540],
    ['NVIDIA H100 80GB HBM3', 300],
    ['NVIDIA H100 PCIe', 300],
    ['NVIDIA A100-SXM4-80GB', 304],
    ['NVIDIA A100 80GB PCIe', 304],
    ['NVIDIA A100-SXM4-40GB', 148],
    ['NVIDIA L40S', 164],
    ['NVIDIA L40', 164],
    ['NVIDIA RTX 6000 Ada Generation', 176],
    ['NVIDIA RTX A6000', 176],
    ['NVIDIA RTX A5000', 84],
    ['NVIDIA RTX A4500', 68],
    ['NVIDIA RTX 4000 Ada Generation', 68],
    ['NVIDIA A40', 164],
    ['NVIDIA GeForce RTX 4090', 84],
    ['NVIDIA GeForce RTX 3090', 84],
    ['NVIDIA L4', 76],
  ]
  it('are known for every card of the catalogue', () => expect(K.map(([name]) => name)).toEqual(catalog.cards.map((c) => c.name)))
  it.each(K)('fill the memory of %s with %i states', (name, K) => {
    const card = catalog.byName.get(name.toLowerCase())
    if (!card) throw new Error('unknown')
    const task = sizesFor(card, claim({ model: name }))
    expect(task).toMatchObject({ gpus: 8, sizes: { n: 16_384, w: 256, f: 8, r: 4, lanes: 8, K } })
    expect((task.sizes.Q * 4) / K).toBeGreaterThanOrEqual(20)
    // U stays on the GPU as well, in what the states leave.
    expect(task.sizes.Q * 8 * 16_384).toBeLessThan(0.5e9)
    expect(() => checkTask(task)).not.toThrow()
  })

  const asked = fc.record({ card: fc.constantFrom(...catalog.cards), count: fc.integer({ min: 1, max: 64 }), vramMb: fc.integer({ min: 0, max: 400_000 }) })
  it('can be proved and checked, whatever is claimed, or are refused with the reason', () => {
    fc.assert(
      fc.property(asked, ({ card, count, vramMb }) => {
        try {
          const task = sizesFor(card, claim({ count, vramMb }))
          checkTask(task)
          expect((task.sizes.Q * task.sizes.r) / task.sizes.K).toBeGreaterThanOrEqual(20)
        } catch (error) {
          expect(error).toBeInstanceOf(Mistake)
          expect(count).toBeGreaterThan(16)
        }
      }),
      { numRuns: 2000 },
    )
  })
  it('are such that a verifier keeps little', () => {
    for (const count of [1, 8, 16]) {
      const { sizes } = sizesFor(catalog.cards[0] ?? fail(), claim({ count }))
      expect(() => new Verifier({ sizes, seed: new Uint8Array(32) }, count)).not.toThrow()
    }
    expect(KEEP_LIMIT).toBe(16 * 2 ** 20)
  })

  it('ask for what is there, but never so little that it is another card, nor more than its name has', () => {
    const [card] = catalog.cards
    if (!card) throw new Error('no cards')
    const K = (vramMb: number) => sizesFor(card, claim({ vramMb })).sizes.K
    expect([K(1), K(100_000), K((card.memory.mib * 15) / 16), K(card.memory.mib), K(1e9)]).toEqual([504, 504, 504, 540, 540])
  })

  it('take the slowest that may pass exactly as long as they say', () => {
    for (const card of catalog.cards) {
      const said = claim({ model: card.name })
      const { sizes, chainMs, sweepMs } = sizesFor(card, said)
      const at = (factor: number) => identify(measure([{ gpu: 0, chainMs: chainMs * factor, sweepMs: sweepMs * factor }], sizes), said, catalog)
      expect([at(1 - 1e-9).result, at(1 + 1e-6).result === 'proven']).toEqual(['proven', false])
      expect(chainMs).toBeCloseTo((2 * sizes.n ** 3 * sizes.K) / (gatesOf(card).tops * 1e9))
    }
  })

  it('of cards that are only said to be there are tiny, and all that a real proof has', () => {
    const task = simulatedTask(3)
    expect(task).toMatchObject({ gpus: 3, sizes: { n: 64, K: 8, r: 4, lanes: 8 } })
    expect(() => checkTask(task)).not.toThrow()
    expect((task.sizes.Q * 4) / 8).toBeGreaterThanOrEqual(20)
  })
})

describe('what was measured', () => {
  const sizes = { n: 1000, K: 5, w: 1, f: 1, lanes: 1, r: 2, Q: 3 }
  it('is that of the slowest GPU, each part by itself', () => {
    const times = [
      { gpu: 0, chainMs: 1000, sweepMs: 4 },
      { gpu: 1, chainMs: 2000, sweepMs: 3 },
    ]
    expect(measure(times, sizes)).toEqual({ tops: 0.005, gbs: 1.5, vram_gb: 0.005 })
  })
  it.each([[[]], [[{ gpu: 0, chainMs: 0, sweepMs: 1 }]], [[{ gpu: 0, chainMs: 1, sweepMs: Number.NaN }]], [[{ gpu: 0, chainMs: -1, sweepMs: 1 }]]])(
    'is nothing for %j',
    (times) => expect(() => measure(times, sizes)).toThrow(RangeError),
  )
})

function fail(): never {
  throw new Error('no cards')
}
