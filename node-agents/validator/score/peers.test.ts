import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Penalties,
  penaltiesStatement,
  type Scores,
  type ScoreRow,
  SCORE_STALE_MS,
  scoresStatement,
  VALIDATOR_STAKE_RAO,
  type ValidatorState,
} from '../../../schema/index.ts'
import { HOUR, MINER, neuron, NOW } from '../../../test/support/scores.ts'
import type { Metagraph } from '../../core/chain/types.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { makeSigner } from '../../core/signer.ts'
import { peerNumbers, verifiedPeers } from './peers.ts'

const [A, B, ME] = [1, 2, 3].map((n) => makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(n)))) as [Signer, Signer, Signer]
type Signer = ReturnType<typeof makeSigner>
const bytes = (text: string) => new TextEncoder().encode(text)

const row = (o: Partial<ScoreRow> = {}): ScoreRow => ({ hotkey: MINER, score: 42.5, gpus: { model: 'NVIDIA H200', count: 2 }, own: true, ...o })
function scores(by: Signer, o: Partial<Scores> = {}): Scores {
  const content = { netuid: 27, validator: by.address, block: 7, at_ms: NOW, scores: [row()], ...o }
  return { ...content, signature: by.sign(bytes(scoresStatement(content))) }
}
function penalties(by: Signer, o: Partial<Penalties> = {}): Penalties {
  const content = { netuid: 27, validator: by.address, block: 7, at_ms: NOW, penalties: [{ hotkey: MINER, reason: 'x', from_ms: 1, until_ms: null }], ...o }
  return { ...content, signature: by.sign(bytes(penaltiesStatement(content))) }
}
const state = (o: Partial<ValidatorState>): ValidatorState => ({ netuid: 27, development: false, at_ms: NOW, miners: [], scores: [], penalties: [], ...o })

describe('what others really signed', () => {
  it('is taken, scores and penalties of one validator together', () => {
    const docs = { scores: [scores(A), scores(B)], penalties: [penalties(A)] }
    expect(verifiedPeers(state(docs))).toEqual({
      peers: [
        { validator: A.address, scores: docs.scores[0], penalties: docs.penalties[0] },
        { validator: B.address, scores: docs.scores[1], penalties: null },
      ],
      refused: [],
    })
  })

  it.each<[string, Scores, RegExp]>([
    ['a score was changed', { ...scores(A), scores: [row({ score: 43 })] }, /signature/],
    ['whose it is was changed', { ...scores(A), validator: B.address }, /signature/],
    ['the time was changed', { ...scores(A), at_ms: NOW - 1 }, /signature/],
    ['own was changed', { ...scores(A), scores: [row({ own: false })] }, /signature/],
    ['the cards were changed', { ...scores(A), scores: [row({ gpus: { model: 'NVIDIA H200', count: 3 } })] }, /signature/],
    ['somebody else signed', { ...scores(A), signature: scores(B).signature }, /signature/],
    ['a signature of zeros', { ...scores(A), signature: `0x${'0'.repeat(128)}` }, /signature/],
    ['of another subnet', scores(A, { netuid: 28 }), /of subnet 28, and this is 27/],
    ['from the future', scores(A, { at_ms: NOW + 121_000 }), /dated 121 s ahead/],
  ])('refuses it when %s', (_, doc, why) => {
    const found = verifiedPeers(state({ scores: [doc, scores(B)] }))
    expect(found.refused.map((r) => r.validator)).toEqual([doc.validator])
    expect(found.refused[0]?.why).toMatch(why)
    expect(found.peers).toEqual([{ validator: B.address, scores: scores_of(found, B), penalties: null }])
  })
  const scores_of = (found: ReturnType<typeof verifiedPeers>, by: Signer) => found.peers.find((p) => p.validator === by.address)?.scores

  it('a signature over penalties is none over scores', () => {
    const empty = { scores: [], penalties: [] }
    const signature = penalties(A, empty).signature
    expect(verifiedPeers(state({ scores: [{ ...scores(A, empty), signature }] })).refused).toHaveLength(1)
  })
  it('refuses changed penalties and keeps the scores', () => {
    const found = verifiedPeers(state({ scores: [scores(A)], penalties: [{ ...penalties(A), penalties: [] }] }))
    expect(found.peers.map((p) => [p.scores !== null, p.penalties !== null])).toEqual([[true, false]])
    expect(found.refused[0]?.why).toMatch(/^penalties: /)
  })
  it('two of one validator: the newer counts, and a forged newer one does not hide it', () => {
    const [older, newer] = [scores(A, { at_ms: NOW - HOUR }), scores(A)]
    expect(verifiedPeers(state({ scores: [older, newer] })).peers[0]?.scores).toEqual(newer)
    expect(verifiedPeers(state({ scores: [older, { ...newer, block: 8 }] })).peers[0]?.scores).toEqual(older)
  })
  it('a clock two minutes ahead is let pass', () => expect(verifiedPeers(state({ scores: [scores(A, { at_ms: NOW + 120_000 })] })).refused).toEqual([]))
})

describe('which numbers count', () => {
  const validator = (uid: number, by: Signer, o = {}) => neuron(uid, { hotkey: by.address, validatorPermit: true, totalStake: VALIDATOR_STAKE_RAO, ...o })
  const subnet = (...neurons: Metagraph['neurons']) => ({ netuid: 27, neurons }) as Metagraph
  const both = subnet(validator(0, A), validator(1, B, { totalStake: 5n * VALIDATOR_STAKE_RAO }), validator(2, ME))
  const peer = (by: Signer, o: Partial<Scores> = {}) => ({ validator: by.address, scores: scores(by, o), penalties: null })
  const of = (peers: Parameters<typeof peerNumbers>[0], m = both) =>
    peerNumbers(peers, m, ME.address, NOW)
      .get(MINER)
      ?.map((n) => n.validator) ?? []

  it('all that is known of each, with the stake it has now', () => {
    expect(peerNumbers([peer(B)], both, ME.address, NOW)).toEqual(
      new Map([[MINER, [{ validator: B.address, stake: 5n * VALIDATOR_STAKE_RAO, score: 42.5, gpus: { model: 'NVIDIA H200', count: 2 }, atMs: NOW }]]]),
    )
    expect(of([peer(A), peer(B)])).toEqual([A.address, B.address])
  })
  it.each<[string, Parameters<typeof of>]>([
    ['our own', [[peer(ME)]]],
    ['who left the subnet', [[peer(A)], subnet(validator(1, B))]],
    ['who has no permit', [[peer(A)], subnet(validator(0, A, { validatorPermit: false }))]],
    ['who has too little stake', [[peer(A)], subnet(validator(0, A, { totalStake: VALIDATOR_STAKE_RAO - 1n }))]],
    ['older than three hours', [[peer(A, { at_ms: NOW - SCORE_STALE_MS - 1 })]]],
    ['from the future', [[peer(A, { at_ms: NOW + 120_001 })]]],
    ['of another subnet', [[peer(A, { netuid: 28 })]]],
    ['what was not proved by that validator', [[peer(A, { scores: [row({ own: false })] })]]],
    ['of another hotkey, whoever has its uid', [[peer(A, { scores: [row({ hotkey: B.address })] })]]],
    ['without scores', [[{ validator: A.address, scores: null, penalties: null }]]],
  ])('not %s', (_, args) => expect(of(...args)).toEqual([]))
  it('three hours to the millisecond do', () => expect(of([peer(A, { at_ms: NOW - SCORE_STALE_MS })])).toEqual([A.address]))
  it('nobody scores itself', () => expect(peerNumbers([peer(A, { scores: [row({ hotkey: A.address })] })], both, ME.address, NOW).size).toBe(0))
})

it('no change of one field goes unseen', () => {
  const doc = scores(A)
  const number = fc.double({ min: 0, max: 100, noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(number, fc.integer({ min: 0 }), fc.integer({ min: 0, max: NOW }), (score, block, at_ms) => {
      const changed = { ...doc, block, at_ms, scores: [row({ score })] }
      const same = block === doc.block && at_ms === doc.at_ms && score === 42.5
      expect(verifiedPeers(state({ scores: [changed] })).refused).toHaveLength(same ? 0 : 1)
    }),
    { numRuns: 30 },
  )
})
