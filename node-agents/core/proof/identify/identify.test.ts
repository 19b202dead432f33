import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedRandom } from '../../../../test/support/pog.ts'
import type { Measured } from '../../../../schema/index.ts'
import { type Card, cardNamed, parseCatalog, readCatalog } from '../../catalog.ts'
import { gatesOf } from './gates.ts'
import { identify } from './identify.ts'
import { residentGb } from './memory.ts'
import { posterior } from './posterior.ts'
import type { Claim } from './types.ts'

const catalog = readCatalog()
const [H200, SXM, PCIE, A100] = ['NVIDIA H200', 'NVIDIA H100 80GB HBM3', 'NVIDIA H100 PCIe', 'NVIDIA A100-SXM4-80GB'].map(named) as [Card, Card, Card, Card]

function named(name: string): Card {
  const card = cardNamed(catalog, name)
  if (!card) throw new Error(`no ${name}`)
  return card
}
const claimed = (card: Card, o: Partial<Claim> = {}): Claim => ({ model: card.name, count: 8, vramMb: card.memory.mib, simulated: false, ...o })
/** What an honest card shows, times these factors. */
const reached = ({ expected, memory }: Card, tops = 1, gbs = 1): Measured => ({
  tops: expected.tops * tops,
  gbs: expected.gbs * gbs,
  vram_gb: residentGb(memory.mib),
})

/** Normal noise by Box and Muller, the same in every run. */
function noise(seed: number): () => number {
  const random = fixedRandom(seed)
  const uniform = () => (random.below(1e9) + 1) / 1e9
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

describe.each(catalog.cards.map((card) => [card.name, card] as const))('an honest %s', (_, card) => {
  it('is proven', () => {
    expect(identify(reached(card), claimed(card), catalog)).toMatchObject({ result: 'proven', model: card.name, measured: reached(card) })
  })
  it('is proven with a few per cent of noise, and hardly ever mistaken but for what is alike', () => {
    const gauss = noise(card.memory.mib)
    let mistaken = 0
    for (let run = 0; run < 200; run++) {
      const measured = reached(card, Math.exp(0.06 * Math.max(-2.5, gauss())), Math.exp(0.03 * gauss()))
      expect(identify(measured, claimed(card), catalog)).toMatchObject({
        result: 'proven',
        model: card.name,
        flags: card.twins.length === 0 ? [] : expect.anything(),
      })
      const likeliest = posterior(measured, catalog.cards)[0]?.card.name
      if (likeliest !== card.name && !ALIKE.some((pair) => pair.includes(card.name) && pair.includes(likeliest ?? ''))) mistaken++
    }
    expect(mistaken).toBeLessThanOrEqual(2)
  })
  it('is proven with error correction switched the other way', () => {
    expect(identify({ ...reached(card), vram_gb: residentGb((card.memory.mib * 15) / 16) }, claimed(card), catalog).result).toBe('proven')
  })
  it.each(['tops', 'gbs', 'vram_gb'] as const)('is not proven with a bit less than the gate of %s', (name) => {
    const least = gatesOf(card)
    expect(identify(least, claimed(card), catalog).result).toBe('proven')
    expect(identify({ ...least, [name]: least[name] * 0.9999 }, claimed(card), catalog).result).not.toBe('proven')
  })
})

/** The pairs that honest noise cannot tell apart: the same chip, and nearly the same memory. */
const ALIKE = [['NVIDIA A100-SXM4-80GB', 'NVIDIA A100 80GB PCIe']]

describe('a claim that is too high', () => {
  it.each<[string, Card, Measured, string | null]>([
    ['an H100 PCIe as SXM', SXM, reached(PCIE), 'NVIDIA H100 PCIe'],
    ['an A100 as H100 SXM', SXM, { ...reached(A100), vram_gb: residentGb(SXM.memory.mib) }, 'NVIDIA A100-SXM4-80GB'],
    ['an H100 as H200: as fast, and too little memory', H200, { ...reached(SXM), tops: H200.expected.tops }, 'NVIDIA H100 80GB HBM3'],
    ['an H200 with memory that is read too slowly', H200, reached(H200, 1, 0.5), 'NVIDIA H100 PCIe'],
    ['a card that does next to nothing', H200, reached(H200, 0.01, 0.01), null],
  ])('is paid as what holds: %s', (_, claim, measured, model) => {
    const identity = identify(measured, claimed(claim), catalog)
    expect(identity).toMatchObject({ result: model === null ? 'refused' : 'paid_down', model })
    expect(identity.text).toContain(`no ${claim.name}: `)
  })

  it('says what was too little, with both numbers and what they rest on', () => {
    const { text } = identify(reached(PCIE), claimed(SXM), catalog)
    expect(text).toMatch(
      /no NVIDIA H100 80GB HBM3: 983\.5 TOPS of 1093, 1529 GB\/s of 2136, by an estimate of 2026-11-21; NVIDIA H100 PCIe: 983\.5 TOPS \(at least 835\.9\)/,
    )
    expect(text.length).toBeLessThan(500)
  })

  /** A single honest-looking card with the best private code that is thinkable, against all claims of greater worth. */
  it('passes for these pairs only: what one card can do, it can do under another name', () => {
    const best = (card: Card): Measured => ({ tops: card.vendor.int8_tops * 0.9, gbs: card.vendor.bandwidth_gbs * 0.93, vram_gb: residentGb(card.memory.mib) })
    const pairs = catalog.cards.flatMap((real) =>
      catalog.cards
        .filter((c) => c.score > real.score && identify(best(real), claimed(c), catalog).result === 'proven')
        .map((c) => `${real.name} as ${c.name}`),
    )
    expect(pairs).toEqual(['NVIDIA A100 80GB PCIe as NVIDIA A100-SXM4-80GB'])
  })
})

describe('more than was claimed', () => {
  it('is paid as the claim, and flagged', () => {
    const identity = identify(reached(H200), claimed(A100), catalog)
    expect(identity).toMatchObject({ result: 'proven', model: A100.name, confidence: expect.closeTo(0) as number, runnerUp: H200.name })
    expect(identity.flags).toEqual([
      expect.stringMatching(/3\.2 times the TOPS and 2\.4 times the GB\/s of an NVIDIA A100-SXM4-80GB: another card, or several behind one/),
    ])
  })
  it.each([
    [1.29, 1.29, 0],
    [1.31, 1, 1],
    [1, 1.31, 1],
  ])('is flagged from 1.3 times on: %d, %d', (tops, gbs, flags) => expect(identify(reached(H200, tops, gbs), claimed(H200), catalog).flags).toHaveLength(flags))

  const factor = fc.double({ min: 0.01, max: 4, noNaN: true })
  const more = fc.double({ min: 1, max: 9, noNaN: true })
  const card = fc.constantFrom(...catalog.cards)
  const shown = fc.record({ claim: card, real: card, tops: factor, gbs: factor })
  const worth = (model: string | null) => (model === null ? -1 : named(model).score)
  it('never makes it worth less: speed, memory', () => {
    fc.assert(
      fc.property(shown, fc.record({ tops: more, gbs: more, vram_gb: more }), (a, by) => {
        const measured = reached(a.real, a.tops, a.gbs)
        const faster = { tops: measured.tops * by.tops, gbs: measured.gbs * by.gbs, vram_gb: measured.vram_gb * by.vram_gb }
        const [less, better] = [measured, faster].map((m) => identify(m, claimed(a.claim), catalog))
        expect(worth(better?.model ?? null)).toBeGreaterThanOrEqual(worth(less?.model ?? null))
        if (less?.result === 'proven') expect(better?.result).toBe('proven')
      }),
      { numRuns: 2000 },
    )
  })
  it('never makes it worth more than the claim', () => {
    fc.assert(
      fc.property(shown, (a) => {
        const { result, model, confidence } = identify(reached(a.real, a.tops, a.gbs), claimed(a.claim), catalog)
        expect(worth(model)).toBeLessThanOrEqual(a.claim.score)
        expect(result === 'proven').toBe(model === a.claim.name)
        expect(confidence === null || (confidence >= 0 && confidence <= 1)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a claim', () => {
  const fast = reached(H200, 9, 9)
  it.each(['NVIDIA H2000', '', 'toString', '\u001b[2J'])('of a card that the catalogue does not know is refused: %j', (model) => {
    const identity = identify(fast, claimed(H200, { model }), catalog)
    expect(identity).toMatchObject({ result: 'refused', model: null, confidence: null })
    expect(identity.text).toMatch(/knows no card ".*", so there is nothing to hold it to/)
    expect(identity.text).not.toContain('\u001b')
  })
  it('of a card that is only said to be there is simulated, however fast it is', () => {
    expect(identify(fast, claimed(H200, { simulated: true }), catalog)).toMatchObject({ result: 'simulated', model: H200.name, confidence: null, flags: [] })
    expect(identify(fast, claimed(H200, { simulated: true, model: 'NVIDIA X' }), catalog).result).toBe('refused')
  })
  it('by another of its names is of that card', () => expect(identify(reached(PCIE), claimed(PCIE, { model: 'nvidia h100' }), catalog).model).toBe(PCIE.name))
  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1])('is not measured with %d', (tops) =>
    expect(() => identify({ ...fast, tops }, claimed(H200), catalog)).toThrow(RangeError),
  )
})

describe('confidence', () => {
  it('is near 1 for what is like no other, and shared by what is alike', () => {
    expect(identify(reached(H200), claimed(H200), catalog).confidence).toBeGreaterThan(0.999)
    const twins = identify(reached(A100), claimed(A100), catalog)
    expect([twins.runnerUp, (twins.confidence ?? 0) > 0.5 && (twins.confidence ?? 0) < 0.9]).toEqual(['NVIDIA A100 80GB PCIe', true])
    expect(twins.flags).toEqual(['measures much like its twin, NVIDIA A100 80GB PCIe'])
  })
  it('adds up to 1, also far from all of them', () => {
    for (const factor of [1e-6, 1, 1e6]) {
      const all = posterior(reached(H200, factor, factor), catalog.cards)
      expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1)
    }
  })
})

describe('a card that was measured', () => {
  it('is held to nine tenths of that, not to a part of what the vendor says', () => {
    const calibration = { tops: 1000, gbs: 3000, as_of: '2026-11-21', driver: '570', from: 'driver' }
    const file = JSON.parse(readFileSync(new URL('../../../../gpu/catalog.json', import.meta.url), 'utf8')) as { cards: { name: string }[] }
    const calibrated = parseCatalog({ ...file, cards: file.cards.map((card) => (card.name === H200.name ? { ...card, calibration } : card)) })
    const at = (tops: number, gbs: number) => identify({ ...reached(H200), tops, gbs }, claimed(H200), calibrated)
    expect([at(900, 2700).result, at(899, 2700).result, at(900, 2699).result]).toEqual(['proven', 'paid_down', 'paid_down'])
    expect(at(900, 2700).text).not.toContain('estimate')
  })
})
