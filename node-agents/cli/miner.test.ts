import { describe, expect, it } from 'vitest'
import { minerText, networkText, scoreText } from './miner.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const miner: Parameters<typeof minerText>[0] = {
  hotkey: '5Miner',
  status: 'ready',
  gpus: { total: 8, free: 3 },
  models: ['NVIDIA H200'],
  driver: 'docker',
  isolation: 'runc',
  disk: 'quota',
  network: 'isolated',
  simulated: false,
  version: '0.1.0',
  protocol: 2,
  registered_at: '2026-11-01T00:00:00Z',
  last_report_at: '2026-11-21T11:59:00Z',
  score: 57.26,
  score_age_s: 600,
  scored_by: 2,
  scores: [
    { validator: '5A', score: 60, own: true, gpus: { model: 'NVIDIA H200', count: 8 }, age_s: 600 },
    { validator: '5B', score: 0, own: false, gpus: null, age_s: 7200 },
  ],
  penalties: [
    { validator: '5A', reason: 'two cards, one serial', from: '2026-11-21T10:00:00Z', until: '2026-11-21T14:00:00Z' },
    { validator: '5B', reason: 'liar', from: '2026-11-21T11:00:00Z', until: null },
  ],
}
const words = (text: string) => text.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))

describe('a miner', () => {
  it('is told with each number, what it is for, how old, and with penalties', () => {
    expect(words(minerText(miner, NOW))).toEqual([
      'miner: | 5Miner',
      'status: | ready',
      'free: | 3/8',
      'models: | NVIDIA H200',
      'score: | 57.3 of 2 validators, 10 min ago',
      'version: | 0.1.0',
      'last report: 60 s ago',
      '',
      'VALIDATOR | SCORE | FOR | PROVED BY | SAID',
      '5A | 60.0 | 8 x NVIDIA H200 | itself | 10 min ago',
      '5B | 0.0 | nothing | others | 2 h ago',
      '',
      'PENALIZED BY | REASON | SINCE | UNTIL',
      '5A | two cards, one serial | 2 h ago | in 2 h',
      '5B | liar | 60 min ago | pardoned',
    ])
  })

  it('that nobody scored is unknown, which is not 0', () => {
    const text = minerText({ ...miner, score: null, score_age_s: null, scored_by: 0, scores: [], penalties: [] }, NOW)
    expect(text).toMatch(/score: +unknown\n/)
    expect(text).toContain('No validator scored it in the last 3 hours')
    expect(scoreText({ score: 0, scored_by: 1 })).toBe('0.0 of 1 validator')
    expect(scoreText({}), 'an edge from before scores').toBe('unknown')
  })
})

it('the network says who published', () => {
  const network = {
    netuid: 27,
    environment: 'production',
    miners: 40,
    validators: 5,
    snapshot_block: 100,
    snapshot_age_s: 300,
    validators_published: 3,
    published_age_s: 60,
  }
  expect(words(networkText(network))).toEqual([
    'subnet: | 27 (production)',
    'miners: | 40',
    'validators: 5, of whom 3 published in the last 3 h',
    'published: | 60 s ago',
    'roles: | of block 100, 5 min ago',
  ])
  expect(networkText({ ...network, snapshot_block: null, snapshot_age_s: null, published_age_s: null })).toMatch(/published: +never\nroles: +follow no block/)
})
