import { describe, expect, test } from 'vitest'
import { Problem } from '../../schema/index.ts'
import { details, problemText, span, table, when } from './print.ts'

test('a table lines its columns up and leaves no trailing space', () => {
  expect(
    table(
      ['ID', 'STATE'],
      [
        ['al_1', 'running'],
        ['al_22', ''],
      ],
    ),
  ).toBe('ID     STATE\nal_1   running\nal_22')
})

test('text from elsewhere cannot drive the terminal or break a row', () => {
  const text = table(['NAME', 'X'], [['\u001b[2Jboo\nhoo', 'y']])
  expect(text).not.toContain('\u001b')
  expect(text.split('\n')).toHaveLength(2)
})

test('details leave out what is not there', () => {
  expect(
    details([
      ['id', 'al_1'],
      ['error', null],
      ['address', 'here'],
    ]),
  ).toBe('id:      al_1\naddress: here')
})

test.each([
  [89, '89 s'],
  [90, '2 min'],
  [3 * 3600, '3 h'],
  [72 * 3600, '3 days'],
])('%i seconds are %s', (seconds, text) => expect(span(seconds)).toBe(text))

test('times are relative', () => {
  const now = Date.parse('2026-01-01T12:00:00Z')
  expect(when('2026-01-01T11:55:00Z', now)).toBe('5 min ago')
  expect(when('2026-01-01T15:00:00Z', now)).toBe('in 3 h')
  expect(when(null, now)).toBe('never')
})

describe('a problem says', () => {
  const text = (p: Problem) => problemText(p.body('a'.repeat(32)))

  test('each field with the option behind it', () => {
    const errors = [
      { field: 'env.1BAD', message: 'letters and digits' },
      { field: 'gpu.count', message: 'too many' },
      { field: 'host.min_cpus', message: 'no option for this' },
    ]
    expect(text(new Problem('invalid_request', undefined, { errors })).split('\n')).toEqual([
      'error: The request has invalid fields',
      '  env.1BAD (--env): letters and digits',
      '  gpu.count (--gpus): too many',
      '  host.min_cpus: no option for this',
      `  trace ${'a'.repeat(32)}`,
    ])
  })

  test('what to do, and the same thing only once', () => {
    expect(text(new Problem('no_capacity', 'no host has 9 GPU(s)'))).toMatch(/^error: No free GPUs match: no host has 9 GPU\(s\)\n.*compute gpus/)
    const twice = new Problem('invalid_request', 'name: too long', { errors: [{ field: 'name', message: 'too long' }] })
    expect(text(twice).match(/too long/g)).toHaveLength(1)
  })
})
