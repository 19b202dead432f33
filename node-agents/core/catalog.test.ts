import { describe, expect, it } from 'vitest'
import { cardNamed, parseCatalog, readCatalog } from './catalog.ts'

const catalog = readCatalog()

describe('the catalogue of this release', () => {
  /** Restated from the facts about the original (its config): fp16, fp32, avram, score. */
  const ORIGINAL: [string, number, number, number, number][] = [
    ['NVIDIA H200', 610, 49.6, 68.72, 4],
    ['NVIDIA H100 80GB HBM3', 570, 49, 34.36, 3.3],
    ['NVIDIA H100', 330, 37.2, 34.36, 2.8],
    ['NVIDIA A100-SXM4-80GB', 238.8, 18.2, 34.36, 1.9],
    ['NVIDIA A100 80GB PCIe', 197, 16.9, 34.36, 0],
    ['NVIDIA A100-SXM4-40GB', 257, 18.2, 17.18, 0],
    ['NVIDIA L40s', 171, 35.5, 17.18, 0],
    ['NVIDIA L40', 116, 27, 17.18, 0],
    ['NVIDIA RTX 6000 Ada Generation', 112, 26, 17.18, 0],
    ['NVIDIA RTX A6000', 48.5, 21.28, 17.18, 0],
    ['NVIDIA RTX A5000', 60, 15.8, 8.59, 0],
    ['NVIDIA RTX A4500', 44, 14.3, 8.59, 0],
    ['NVIDIA RTX 4000 Ada Generation', 70, 14.6, 8.59, 0],
    ['NVIDIA A40', 40, 22.8, 17.18, 0],
    ['NVIDIA RTX 4090', 157, 48.5, 8.59, 0],
    ['NVIDIA GeForce RTX 3090', 66.4, 21.7, 8.59, 0],
    ['NVIDIA L4', 51, 9, 8.59, 0],
  ]
  it.each(ORIGINAL)('has %s as the original', (name, fp16_tflops, fp32_tflops, avram_gb, score) =>
    expect(cardNamed(catalog, name)).toMatchObject({ score, measured: { fp16_tflops, fp32_tflops, avram_gb, from: 'original' } }),
  )
  it('has no other cards, and the best has 4 points', () => expect([catalog.cards.length, catalog.best]).toEqual([ORIGINAL.length, 4]))

  it.each([
    ['nvidia  h200', 'NVIDIA H200'],
    ['NVIDIA L40S', 'NVIDIA L40S'],
    ['NVIDIA H100 PCIe', 'NVIDIA H100 PCIe'],
  ])('finds %s', (name, wanted) => expect(cardNamed(catalog, name)?.name).toBe(wanted))
  it.each(['NVIDIA H2000', 'H200', '', 'toString', 'NVIDIA H100 NVL'])('does not know %j, which is no error', (name) =>
    expect(cardNamed(catalog, name)).toBeNull(),
  )

  it("pairs the original's near-twins", () => {
    const pairs = catalog.cards.flatMap((c) => c.twins.map((twin) => [c.name, twin].sort().join(' / ')))
    expect([...new Set(pairs)].sort()).toEqual([
      'NVIDIA A100 80GB PCIe / NVIDIA A100-SXM4-80GB',
      'NVIDIA A40 / NVIDIA RTX A6000',
      'NVIDIA H100 80GB HBM3 / NVIDIA H100 PCIe',
      'NVIDIA L40 / NVIDIA RTX 6000 Ada Generation',
      'NVIDIA RTX 4000 Ada Generation / NVIDIA RTX A5000',
    ])
  })
  it('says why a card has no points', () => {
    expect(cardNamed(catalog, 'NVIDIA RTX 4000 Ada Generation')?.note).toMatch(/no entry/)
    expect(catalog.cards.filter((c) => (c.score === 0) !== (c.note !== null))).toEqual([])
  })
})

describe('a catalogue that was changed', () => {
  const numbers = { fp16_tflops: 1, fp32_tflops: 1 }
  const card = (name: string, o: object = {}) => ({
    name,
    also: [],
    score: 1,
    note: null,
    twins: [],
    measured: { ...numbers, avram_gb: 1, from: 'a' },
    vendor: { ...numbers, int8_tops: 1, vram_gb: 1, bandwidth_gbs: 1, from: 'a' },
    memory: { mib: 1, from: 'a' },
    calibration: null,
    ...o,
  })
  const of = (...cards: object[]) => ({
    dated: '2026-11-21',
    sources: { a: { what: 'a table', as_of: '2026-11-21' } },
    stock: { tops_of_peak: 0.5, gbs_of_peak: 0.25, from: 'a' },
    cards,
  })
  const [X, Y] = ['NVIDIA X', 'NVIDIA Y']

  it('is taken when all is there', () => expect(parseCatalog(of(card(X, { twins: [Y] }), card(Y, { twins: [X], score: 2 }))).best).toBe(2))
  it('takes a calibration where there is one, and a dated share of the peaks where there is none', () => {
    const calibration = { tops: 7, gbs: 8, as_of: '2026-11-20', driver: '570.1', from: 'a' }
    const { cards } = parseCatalog(of(card(X), card(Y, { calibration })))
    expect(cards.map((c) => c.expected)).toEqual([
      { tops: 0.5, gbs: 0.25, estimate: '2026-11-21' },
      { tops: 7, gbs: 8, estimate: null },
    ])
  })
  it.each<[string, unknown, RegExp]>([
    ['no file of ours', [], /expected object/],
    ['no cards', of(), /cards: /],
    ['points below zero', of(card(X, { score: -1 })), /cards\.0\.score: /],
    ['points as text', of(card(X, { score: '4' })), /cards\.0\.score: /],
    ['a field that is not known', of(card(X, { scor: 1 })), /scor/],
    ['a name of something else', of(card('AMD X')), /cards\.0\.name: .*NVIDIA/],
    ['a name twice', of(card(X), card('NVIDIA  x')), /NVIDIA  x twice/],
    ['a name twice by another', of(card(X), card(Y, { also: [X] })), /NVIDIA X twice \(NVIDIA X, NVIDIA Y\)/],
    ['a twin that is not there', of(card(X, { twins: [Y] })), /NVIDIA X: its twin NVIDIA Y is not there/],
    ['a twin of one side', of(card(X, { twins: [Y] }), card(Y)), /does not name it back/],
    ['a source that is not there', of(card(X, { vendor: { ...card(X).vendor, from: 'b' } })), /there is no source "b"/],
    [
      'a source of a calibration that is not there',
      of(card(X, { calibration: { tops: 1, gbs: 1, as_of: '2026-11-20', driver: '1', from: 'c' } })),
      /no source "c"/,
    ],
    ['a share of the peak above all of it', { ...of(card(X)), stock: { tops_of_peak: 1.1, gbs_of_peak: 1, from: 'a' } }, /stock\.tops_of_peak: /],
    ['a guess without a source', { ...of(card(X)), stock: { tops_of_peak: 1, gbs_of_peak: 1, from: 'z' } }, /stock: there is no source "z"/],
    ['no date', { ...of(card(X)), dated: 'today' }, /dated: /],
    ['no points and no reason', of(card(X), card(Y, { score: 0 })), /NVIDIA Y: why has it no points/],
    ['no points at all', of(card(X, { score: 0, note: 'no' })), /nothing to scale by/],
  ])('is refused for %s', (_, content, wanted) => {
    expect(() => parseCatalog(content)).toThrow(wanted)
    expect(() => parseCatalog(content)).toThrow(/restore gpu\/catalog\.json/)
  })
})
