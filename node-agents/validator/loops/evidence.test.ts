import { expect, it } from 'vitest'
import { PROOF_HOLDS_MS } from '../../../schema/index.ts'
import { FINISHED, lacking } from './evidence.ts'

const NOW = 1_800_000_000_000
const row = (score: number, name = 'proof') => ({ score, factors: { factors: [{ name, value: score, from: 'test' }], note: null } })
const finished = (agoMs: number) => ({ job: FINISHED, block: 1, at: NOW - agoMs, trouble: null })

it.each<[string, Parameters<typeof lacking>[0], Parameters<typeof lacking>[1], RegExp | null]>([
  ['nobody looked', [row(0)], undefined, /^no proof round has been finished yet/],
  ['there is nobody', [], undefined, /^no proof round has been finished yet/],
  ['a first round is half done', [row(50), row(0)], undefined, /^no proof round has been finished yet/],
  ['others looked', [row(50, 'peers'), row(0)], undefined, null],
  ['others looked and found nothing', [row(0, 'peers')], undefined, null],
  ['a round proved somebody', [row(50), row(0)], finished(1000), null],
  ['a round proved nobody: all is burned', [row(0)], finished(1000), null],
  ['as long as its proofs hold', [row(0)], finished(PROOF_HOLDS_MS.unrented), null],
  ['all proofs aged and none came', [row(0)], finished(PROOF_HOLDS_MS.unrented + 1), /^every score is zero, .* began 24.* ago: the weights on chain stay$/],
  ['all are rented for days', [row(50), row(0)], finished(3 * PROOF_HOLDS_MS.unrented), null],
  ['a clock was put back', [row(0)], finished(-3600_000), null],
])('weights of scores when %s', (_, rows, progress, why) => {
  const found = lacking(rows, progress, NOW)
  if (why === null) expect(found).toBeNull()
  else expect(found).toMatch(why)
})
