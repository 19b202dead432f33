import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GpuFact } from '../../../schema/index.ts'
import { readCatalog } from '../../core/catalog.ts'
import { Mistake } from '../../core/mistake.ts'
import { chooseCards, claimOf, RentedOut, wanted } from './cards.ts'

const gpu = (index: number, model = 'NVIDIA H200', vram_mb = 143_771): GpuFact => ({ uuid: `GPU-${index}`, index, model, vram_mb })
const here = [0, 1, 2, 3].map((i) => gpu(i))
const uuids = (gpus: readonly GpuFact[]) => gpus.map(({ uuid }) => uuid)

describe('what --gpus may say', () => {
  test.each([
    ['all', 'all'],
    ['2', 2],
    ['64', 64],
    ['GPU-0', ['GPU-0']],
    ['GPU-0, GPU-3', ['GPU-0', 'GPU-3']],
  ])('%s', (text, which) => expect(wanted.parse(text)).toEqual(which))

  test.each(['', '0', '-1', '100', '1,2', 'every', 'GPU-0,GPU-0', 'GPU-0;rm', 'H200'])('not %j', (text) => expect(wanted.safeParse(text).success).toBe(false))
})

describe('which cards are proved', () => {
  test('all that are free', () => expect(uuids(chooseCards(here, ['GPU-1'], 'all'))).toEqual(['GPU-0', 'GPU-2', 'GPU-3']))
  test('so many of them', () => expect(uuids(chooseCards(here, ['GPU-0'], 2))).toEqual(['GPU-1', 'GPU-2']))
  test('these', () => expect(uuids(chooseCards(here, ['GPU-0'], ['GPU-3', 'GPU-1']))).toEqual(['GPU-3', 'GPU-1']))
  test('every one of them', () => expect(chooseCards(here, ['GPU-of-another-host'], 'every')).toEqual(here))

  test.each([
    ['all', uuids(here)],
    ['every', ['GPU-2']],
    [4, ['GPU-2']],
    [['GPU-2'], ['GPU-2']],
  ] as const)('%s of what tenants have is refused as that', (which, held) => {
    expect(() => chooseCards(here, held, typeof which === 'object' ? [...which] : which)).toThrow(RentedOut)
  })

  test('more than there are, and one that is not here, is a mistake of another kind', () => {
    for (const which of [5, ['GPU-9']]) {
      expect(() => chooseCards(here, [], which)).toThrow(Mistake)
      expect(() => chooseCards(here, [], which)).not.toThrow(RentedOut)
    }
  })

  test('whatever is asked for, nothing that a container holds is ever taken', () => {
    const some = fc.subarray(uuids(here))
    const which = fc.oneof(fc.constantFrom('all' as const, 'every' as const), fc.integer({ min: 1, max: 6 }), fc.subarray(uuids(here), { minLength: 1 }))
    fc.assert(
      fc.property(some, which, (held, asked) => {
        try {
          expect(uuids(chooseCards(here, held, asked)).filter((uuid) => held.includes(uuid))).toEqual([])
        } catch (error) {
          expect(error).toBeInstanceOf(Mistake)
        }
      }),
    )
  })
})

describe('what is claimed of them', () => {
  const catalog = readCatalog()
  const asItIs = { as: null, simulated: false }

  test('the model by its name in the catalogue, and the memory of the smallest', () => {
    const { claim, card } = claimOf([gpu(0, 'NVIDIA h200'), gpu(1, 'NVIDIA h200', 143_000)], catalog, asItIs)
    expect(claim).toEqual({ model: 'NVIDIA H200', count: 2, vramMb: 143_000, simulated: false })
    expect(card.name).toBe('NVIDIA H200')
  })

  test('another model, where that is asked for', () => {
    expect(claimOf([gpu(0)], catalog, { as: 'NVIDIA L4', simulated: false }).claim.model).toBe('NVIDIA L4')
  })

  test('of several models the least, whatever their order', () => {
    for (const cards of [
      [gpu(0), gpu(1, 'NVIDIA L4')],
      [gpu(0, 'NVIDIA L4'), gpu(1)],
    ])
      expect(claimOf(cards, catalog, asItIs).claim.model).toBe('NVIDIA L4')
  })

  test('one that nobody knows is refused with what to do', () => {
    expect(() => claimOf([gpu(0), gpu(1, 'NVIDIA X1')], catalog, asItIs)).toThrow(/no "NVIDIA X1".*--claim/)
  })
})
