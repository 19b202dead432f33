import { describe, expect, test } from 'vitest'
import type { Measured } from '../../../schema/index.ts'
import { cardNamed, readCatalog } from '../../core/catalog.ts'
import { gatesOf } from '../../core/proof/identify/gates.ts'
import { identify } from '../../core/proof/identify/identify.ts'
import { type Ended, type Phase, PHASES, type SessionResult } from '../../core/proof/session/types.ts'
import { judge, type GpuVerdict } from '../../core/proof/verdict.ts'
import { judgeTrial } from './judge.ts'

const catalog = readCatalog()
const card = cardNamed(catalog, 'NVIDIA H200')
if (!card) throw new Error('the catalogue has no H200')
const good = gatesOf(card)
const claim = (simulated: boolean) => ({ model: card.name, count: 1, vramMb: 143_771, simulated })
const identity = (measured: Partial<Measured> = {}, simulated = false) => identify({ ...good, ...measured }, claim(simulated), catalog)

const PASSED: GpuVerdict = { gpu: 0, result: 'passed', chain: 16, sweep: 8 }
const WRONG: GpuVerdict = { gpu: 0, result: 'mismatch', mismatch: { gpu: 0, check: 'chain', at: { state: 3, row: 1, column: 2 } } }
const UNFINISHED: GpuVerdict = { gpu: 0, result: 'unfinished', checked: 0, asked: 0 }

function session(gpu: GpuVerdict, ended: Ended = 'complete', phase: Phase = 'open'): SessionResult {
  const claims = [{ gpu: 0, name: 'it says', mem: 1, torch: '2.9', engine: 'i8' }]
  return { ended, phase, text: 'what happened', verdict: judge([gpu], null), seed: null, committed: [], times: [], rttMs: 1, claims, bytes: { in: 1, out: 1 } }
}
const statuses = (findings: { check: string; status: string }[]) => Object.fromEntries(findings.map(({ check, status }) => [check, status]))

describe('what a validator would say of a trial', () => {
  test('all gates hold', () => {
    const { result, says, findings } = judgeTrial(session(PASSED), card, identity())
    expect([result, says]).toEqual(['valid', 'valid, paid as NVIDIA H200'])
    expect(statuses(findings)).toMatchObject({ arithmetic: 'ok', TOPS: 'ok', 'GB/s': 'ok', GB: 'ok', model: 'ok' })
  })

  test.each([
    ['tops', 'TOPS'],
    ['gbs', 'GB/s'],
  ] as const)('a gate that fails says so with both numbers and a fix: %s', (name, check) => {
    const { findings } = judgeTrial(session(PASSED), card, identity({ [name]: good[name] * 0.99 }))
    expect(findings.filter((f) => f.status === 'fail' && f.check !== 'model')).toEqual([
      { check, status: 'fail', says: expect.stringMatching(/^[\d.]+ \S+, and an NVIDIA H200 has at least [\d.]+$/), fix: expect.stringMatching(/nvidia-smi/) },
    ])
  })

  test('too slow for everything is no proof; fit for a lesser card is one of that card', () => {
    expect(judgeTrial(session(PASSED), card, identity({ tops: 0.001 }))).toMatchObject({
      result: 'failed',
      says: expect.stringMatching(/^failed: no NVIDIA H200/),
    })
    expect(judgeTrial(session(PASSED), card, identity({ gbs: good.gbs * 0.8 })).says).toMatch(/^valid, paid as NVIDIA (?!H200$)/)
  })

  test('simulated cards have no gates, and nobody pays', () => {
    const { result, says, findings } = judgeTrial(session(PASSED), card, identity({ tops: 1e-9 }, true))
    expect([result, says]).toEqual(['valid', expect.stringMatching(/^simulated: .*nobody pays/)])
    expect(statuses(findings)).toEqual({ arithmetic: 'ok', model: 'warn' })
  })

  test('a mismatch is invalid whatever else happened, and never called cheating after one session', () => {
    for (const ended of ['complete', 'timeout', 'broken'] as const) {
      const { result, says, findings } = judgeTrial(session(WRONG, ended), card, identity())
      expect([result, says]).toEqual(['invalid', expect.stringMatching(/^invalid: .*row 1 of state 3.*second session/)])
      expect(findings.find((f) => f.check === 'arithmetic')).toMatchObject({ status: 'fail', fix: expect.stringMatching(/dcgmi/) })
    }
  })

  test('whatever ended it early is a failure with a fix, in every phase', () => {
    for (const phase of PHASES)
      for (const ended of ['timeout', 'broken', 'refused', 'malformed'] as const) {
        const { result, says, findings } = judgeTrial(session(UNFINISHED, ended, phase), card, null)
        expect([result, says]).toEqual(['failed', 'failed: what happened'])
        expect(findings[0]).toMatchObject({ check: 'session', status: 'fail', fix: expect.stringMatching(/.+/) })
      }
  })

  test('all checks passed before it broke: still no proof', () => {
    expect(judgeTrial(session(PASSED, 'broken'), card, identity()).result).toBe('failed')
  })
})
