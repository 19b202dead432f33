import { expect, test } from 'vitest'
import type { Report } from '../../core/proof/bundle/types.ts'
import { reportText } from './proof.ts'

const EVIL = 'all is well\u001b[2J\n holds  arithmetic\u202e'
const seed = { fresh: '00', pulse: null, validator: EVIL, miner: EVIL, hostKey: EVIL, round: EVIL }
const sizes = { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 4, Q: 40 }
const report: Report = {
  bytes: 1,
  digest: 'ab',
  file: { result: 'intact', text: 'as it was' },
  arithmetic: { result: 'mismatch', text: EVIL },
  freshness: { result: 'unknown', text: 'who knows' },
  timing: { result: 'attested', text: 'somebody does' },
  verdict: { result: 'wrong', text: 'no' },
  header: { v: 1, seed, sizes, gpus: 1, goAtMs: 1e300, by: EVIL },
  end: {
    ended: 'complete',
    phase: 'open',
    text: EVIL,
    verdict: { result: 'passed', text: EVIL, gpus: [] },
    times: [],
    rttMs: null,
    claim: { model: EVIL, count: 1, vramMb: 1, simulated: false },
    identity: null,
    catalog: EVIL,
  },
  committed: null,
  holds: false,
}

test('each part has a sign of its own', () => {
  expect(
    reportText(report)
      .match(/^ *(WRONG|holds|open) +\w+/gm)
      ?.map((row) => row.replace(/ +/g, ' ')),
  ).toEqual(['holds file', 'WRONG arithmetic', 'open freshness', 'holds timing', 'WRONG verdict'])
})

test('a file made by a liar drives no terminal, adds no line and has no time that breaks it', () => {
  const text = reportText(report)
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/)
  expect(text.split('\n')).toHaveLength(10)
  expect(text).toContain('at no time there is')
})
