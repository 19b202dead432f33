import { describe, expect, it } from 'vitest'
import { readCatalog } from '../../core/catalog.ts'
import { claimOf, classOf, type Shown } from './claim.ts'

const catalog = readCatalog()
const card = (model: string, o: Partial<Shown> = {}): Shown => ({ model, vram_mb: 143_771, simulated: false, ...o })

describe('what is proved', () => {
  it.each<[string, Shown[], object]>([
    [
      'cards of one model',
      [card('NVIDIA H200'), card('NVIDIA H200', { vram_mb: 143_000 })],
      { claim: { model: 'NVIDIA H200', count: 2, vramMb: 143_000, simulated: false } },
    ],
    ['of several models the least', [card('NVIDIA H200'), card('NVIDIA L4', { vram_mb: 23_034 })], { claim: { model: 'NVIDIA L4', count: 2, vramMb: 23_034 } }],
    [
      'cards that are only said to be there',
      [card('NVIDIA H200', { simulated: true }), card('NVIDIA H200')],
      { claim: { model: 'NVIDIA H200', simulated: true }, card: null },
    ],
    ['nothing, of no cards', [], { none: 'none of its cards is free' }],
    [
      'nothing, of a card that nobody knows',
      [card('NVIDIA H200'), card('\u001b[2JTNT2')],
      { none: 'the catalogue does not know ?[2JTNT2, so nothing says what it should do' },
    ],
  ])('%s', (_, gpus, expected) => {
    expect(claimOf(gpus, catalog)).toMatchObject(expected)
  })

  it('puts those who claim the same card into one class, by whatever name', () => {
    const [l40s, other] = [card('NVIDIA L40S'), card('nvidia l40s')]
    expect(classOf([l40s], catalog)).toBe(classOf([other, other], catalog))
    expect(classOf([l40s], catalog)).not.toBe(classOf([card('NVIDIA L40S', { simulated: true })], catalog))
    expect(classOf([card('TNT2')], catalog)).toBe(classOf([], catalog))
  })
})
