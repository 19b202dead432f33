import { describe, expect, it, test } from 'vitest'
import type { ValidatorStatus } from '../status.ts'
import { statusText } from './status.ts'

const NOW = Date.parse('2026-01-02T12:00:00.000Z')
const before = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString()

const status = (change: Partial<ValidatorStatus> = {}): ValidatorStatus => ({
  hotkey: '5Own',
  version: '1',
  netuid: 27,
  edge: { url: 'https://edge', address: '5Edge' },
  chain: { endpoint: 'ws://a', genesis: null, spec: 425, head: null, head_age_s: null, finalized: null, failovers: 0, trouble: null },
  subnet: null,
  subnet_trouble: null,
  snapshot: { last: null, trouble: null },
  chain_data: { block: 400, uid: 1, stake: '1', trust: 0.5, incentive: 0, dividends: 0.25, emission: '1500000000', weights_age_blocks: 12 },
  jobs: [
    { job: 'specs', every: 150, last: 300, last_at: before(20), next: 450, lag: 0, running: false, trouble: null },
    { job: 'weights', every: 1, last: null, last_at: null, next: null, lag: 7, running: true, trouble: 'no permit' },
  ],
  filter: { included: 9, outdated: 2, own: 1 },
  market_at: before(1),
  proofs: { running: 3, results: { valid: 7, failed: 1 } },
  scores: { block: 399, at: before(1), miners: 12, scored: 8, unscored: 1 },
  published: { block: 399, at: before(1), rows: 12 },
  publish_trouble: null,
  weights: { state: null, due: 450, trouble: null, confirmed: { block: 352, at: before(10), age_s: 600, uids: 8 }, read_back: { block: 352, same: true } },
  store_errors: 0,
  ...change,
})

describe('status', () => {
  it('shows the work of a validator', () => {
    expect(statusText(status(), NOW).split('\n')).toEqual([
      'validator  5Own, version 1',
      'subnet     27: not read yet',
      'chain      ws://a, no block yet, finalized none yet, runtime 425',
      'edge       https://edge (5Edge)',
      'on chain   trust 0.5000, incentive 0.0000, dividends 0.2500, emission 1.5 alpha in the last tempo, weights 12 blocks old',
      'miners     9 queryable, left out: 2 outdated, 1 own',
      'proofs     3 running; since the start 7 valid, 1 failed',
      'scores     block 399, 60 s ago: 8 of 12 above zero; 1 COULD NOT BE SCORED, the log says why',
      'published  block 399, 60 s ago: 12 scores',
      'weights    8 uids read back as sent at block 352, 10 min ago; the next are due at block 450',
      'loops',
      '  LOOP     EVERY  LAST             NEXT',
      '  specs    150    300, 20 min ago  450',
      '  weights  1      -                now   7 LATE  TROUBLE: no permit',
      'snapshot   none yet',
    ])
  })

  test.each<[string, Partial<ValidatorStatus>, RegExp]>([
    ['no scores', { scores: null, published: null }, /^scores {5}none since the start\npublished {2}none since the start$/m],
    ['an edge that was not asked', { market_at: null }, /^miners .*THE EDGE HAS NOT BEEN ASKED YET$/m],
    ['what is not published', { publish_trouble: 'edge away' }, /^published .*; NOT SENT: edge away$/m],
    ['a disk that is full', { store_errors: 2 }, /^store {6}2 readings or writes FAILED since the start/m],
    [
      'weights that are not there',
      { weights: { state: 'sending', due: null, trouble: 'no peers', confirmed: null, read_back: { block: 360, same: false } } },
      /^weights {4}none read back yet; OTHERS STOOD THERE at block 360; the next are sending; TROUBLE: no peers$/m,
    ],
  ])('says %s', (_, change, wanted) => expect(statusText(status(change), NOW)).toMatch(wanted))
})
