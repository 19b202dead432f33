import { describe, expect, it } from 'vitest'
import { readCatalog } from '../../catalog.ts'
import { identify } from '../identify/identify.ts'
import { measure } from '../identify/measure.ts'
import { sizesFor } from '../identify/task.ts'
import type { Verdict } from '../verdict.ts'
import { conclusion } from './conclude.ts'
import type { End, Header } from './types.ts'

/** What a real card is said to be; the lines of one are too many for a test. */

const catalog = readCatalog()
const [card] = catalog.cards
if (!card) throw new Error('no cards')
const claim = { model: card.name, count: 2, vramMb: card.memory.mib, simulated: false }
const { sizes, chainMs, sweepMs } = sizesFor(card, claim)
const passed: Verdict = { result: 'passed', gpus: [], fault: null, text: 'all 2 GPUs passed' }
const seed = { fresh: '', pulse: null, validator: '', miner: '', hostKey: '', round: '' }
const header = (o: Partial<Header> = {}): Header => ({ v: 1, seed, sizes, gpus: 2, goAtMs: 0, by: null, ...o })

function end({ factor = 0.9, as = sizes, o = {} }: { factor?: number; as?: typeof sizes; o?: Partial<End> } = {}): End {
  const times = [0, 1].map((gpu) => ({ gpu, chainMs: chainMs * factor, sweepMs: sweepMs * factor }))
  const identity = identify(measure(times, as), claim, catalog)
  const verdict = { result: 'passed' as const, text: '', gpus: [] }
  return { ended: 'complete', phase: 'open', text: '', verdict, times, rttMs: 1, claim, identity, catalog: catalog.dated, ...o }
}
const concluded = (e: End, h = header()) => conclusion(e, passed, h, catalog)

describe('what is concluded of a real card', () => {
  it('follows when it is what its times and the catalogue give', () => {
    expect(concluded(end())).toMatchObject({ result: 'follows', text: expect.stringMatching(/^proven: NVIDIA H200: /) as string })
    expect(concluded(end({ factor: 1.01 }))).toMatchObject({ result: 'follows', text: expect.stringMatching(/^paid_down: no NVIDIA H200: /) as string })
  })
  it('is wrong when it was too slow for that', () => {
    const { identity } = end()
    const slow = end({ factor: 1.01 })
    const bold = { ...slow, identity: identity && slow.identity && { ...identity, measured: slow.identity.measured } }
    expect(concluded(bold)).toMatchObject({
      result: 'wrong',
      text: expect.stringMatching(/says proven NVIDIA H200, and the catalogue of .* says paid_down/) as string,
    })
  })
  it.each([
    ['digests that can be forged', { w: 4 }],
    ['a shorter chain', { K: 400 }],
    ['fewer rows to carry along', { lanes: 1 }],
  ])('is wrong when it was asked with %s', (_, change) => {
    const easier = { ...sizes, ...change }
    expect(concluded(end({ as: easier }), header({ sizes: easier }))).toMatchObject({ result: 'wrong', text: expect.stringMatching(/other sizes/) as string })
  })
  it('is wrong when so many cards cannot be proved together at all', () => {
    const times = Array.from({ length: 60 }, (_, gpu) => ({ gpu, chainMs, sweepMs }))
    expect(concluded(end({ o: { times, claim: { ...claim, count: 60 } } }), header({ gpus: 60 })).result).toBe('wrong')
  })
  it('is not held to a catalogue that it does not rest on', () => {
    expect(concluded(end({ o: { catalog: '2020-01-01' } }), header({ sizes })).text).toMatch(/by a catalogue of 2020-01-01/)
  })
})
