import { describe, expect, it } from 'vitest'
import { type ProofGpu, proofVerdict } from '../../../schema/index.ts'
import { proof } from '../../../test/support/scores.ts'
import type { Claim, Identity } from '../../core/proof/identify/types.ts'
import type { SessionResult } from '../../core/proof/session/types.ts'
import type { Verdict } from '../../core/proof/verdict.ts'
import { evidenceOf } from './sign.ts'
import { failed, judged, mismatchStands, provedOf } from './verdict.ts'

const claim: Claim = { model: 'NVIDIA H200', count: 2, vramMb: 143_771, simulated: false }
const cards: ProofGpu[] = ['a', 'b'].map((uuid, i) => ({ uuid, model: 'NVIDIA H200', vram_mb: 143_771, simulated: false, rented_ms: 3 + i }))
const measured = { tops: 1200, gbs: 4000, vram_gb: 130 }
const proven: Identity = {
  result: 'proven',
  model: 'NVIDIA H200',
  measured,
  confidence: 0.99,
  runnerUp: 'NVIDIA H100 80GB HBM3',
  flags: [],
  text: 'all gates hold',
}
const passed: Verdict = { result: 'passed', gpus: [], fault: null, text: 'all 2 GPUs passed' }
const mismatch: Verdict = { result: 'mismatch', gpus: [], fault: null, text: 'GPU 1: row 7 of state 3, column 9, does not follow from the state before' }
const unfinished: Verdict = { result: 'unfinished', gpus: [], fault: null, text: 'GPU 0: 0 of 4 openings came' }

function session(o: Partial<SessionResult> = {}): SessionResult {
  const nothing = { seed: null, committed: [], times: [], rttMs: 1, claims: [], bytes: { in: 0, out: 0 } }
  return { ended: 'complete', phase: 'open', text: 'all 2 GPUs passed', verdict: passed, ...nothing, ...o }
}
const of = (s: SessionResult, identity: Identity | null, before = false) => judged(s, identity, { claim, cards, before })

describe('what a proof says', () => {
  it('is valid when the arithmetic holds and so do the gates', () => {
    const said = of(session(), proven)
    expect(said).toMatchObject({ result: 'valid', simulated: false, mismatch: false, confidence: 0.99, measured })
    expect(provedOf(said, cards)).toEqual({ result: 'valid', simulated: false, gpus: cards.map((c) => ({ uuid: c.uuid, model: 'NVIDIA H200', rentedMs: c.rented_ms })) }) // prettier-ignore
  })

  it('pays a lesser model for what only that does', () => {
    const said = of(session(), { ...proven, result: 'paid_down', model: 'NVIDIA L4', text: 'no H200, an L4' })
    expect(said).toMatchObject({ result: 'valid', text: 'no H200, an L4', gpus: [{ model: 'NVIDIA L4' }, { model: 'NVIDIA L4' }] })
  })

  it('of simulated cards is of the claim, and says so', () => {
    const simulated = judged(
      session(),
      { ...proven, result: 'simulated', confidence: null, runnerUp: null },
      { claim: { ...claim, simulated: true }, cards, before: false },
    )
    expect(simulated).toMatchObject({ result: 'valid', simulated: true, gpus: [{ model: 'NVIDIA H200' }, {}] })
  })

  it.each<[string, ReturnType<typeof of>, string, RegExp]>([
    ['a first mismatch', of(session({ verdict: mismatch }), proven), 'invalid', /^a mismatch, the first: GPU 1: row 7 .* the next proof tells$/],
    ['a second one', of(session({ verdict: mismatch }), proven, true), 'invalid', /^cheating: a second mismatch in an independent session: GPU 1/],
    ['a mismatch before the rest did not come', of(session({ ended: 'timeout', verdict: mismatch }), null), 'invalid', /^a mismatch, the first/],
    ['too slow for any card', of(session(), { ...proven, result: 'refused', model: null, text: 'slower than all' }), 'failed', /^slower than all$/],
    ['time up', of(session({ ended: 'timeout', verdict: unfinished, text: 'no tip of GPU 0 within 8 s' }), null), 'failed', /^no tip of GPU 0/],
    ['a break', of(session({ ended: 'broken', verdict: unfinished, text: 'the script ended: no python3' }), null), 'failed', /no python3/],
    [
      'what is not the protocol',
      of(session({ ended: 'malformed', verdict: { ...passed, result: 'malformed' }, text: 'no JSON' }), proven),
      'failed',
      /^no JSON$/,
    ],
    ['an end without all openings', of(session({ verdict: unfinished }), proven), 'failed', /0 of 4 openings/],
    ['nothing measured', of(session(), null), 'failed', /nothing was measured/],
  ])('%s', (_, said, result, text) => {
    expect(said).toMatchObject({ result, gpus: [] })
    expect(said.text).toMatch(text)
    expect(said.text.includes('cheating')).toBe(said.text.startsWith('cheating'))
    expect(provedOf(said, cards)).toEqual({ result, reason: said.text })
    expect(said.mismatch).toBe(result === 'invalid')
  })

  it('fits into what the edge takes, whatever a host says', () => {
    const evil = `\u001b[2J${'x'.repeat(3000)}\n\u202e`
    for (const said of [
      failed(evil),
      of(session({ ended: 'refused', verdict: unfinished, text: evil }), null),
      of(session(), { ...proven, text: evil, runnerUp: evil, flags: Array<string>(40).fill(evil) }),
    ]) {
      const shape = proofVerdict.pick({ text: true, flags: true, gpus: true, runner_up: true })
      expect(shape.safeParse(said).success).toBe(true)
      expect(JSON.stringify(said)).not.toMatch(/\\u001b|\\u202e|\\n/)
    }
    expect(failed('').text).not.toBe('')
  })
})

describe('a mismatch stands', () => {
  const wrong = proof({ result: 'invalid', evidence: evidenceOf(of(session({ verdict: mismatch }), null), 'al_1', null) })
  const old = proof({ result: 'invalid', reason: 'of a version that kept no evidence' })
  const [good, silent] = [proof(), proof({ result: 'failed' })]
  it.each<[string, ReturnType<typeof proof>[], boolean]>([
    ['when it is the newest', [wrong], true],
    ['through failures', [silent, silent, wrong, good], true],
    ['not through a proof that held', [good, wrong], false],
    ['not when there is none', [silent, good], false],
    ['not when nobody knows what it was', [old], false],
  ])('%s', (_, proofs, stands) => {
    expect(mismatchStands(proofs)).toBe(stands)
  })
})
