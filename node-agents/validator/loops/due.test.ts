import { describe, expect, it } from 'vitest'
import { dueAt } from './due.ts'

describe('when a job is due', () => {
  it.each([
    ['never ran', { last: null, failures: 0, head: 7 }, 0],
    ['ran well', { last: 1000, failures: 0, head: 1001 }, 1360],
    ['failed once', { last: 1000, failures: 1, head: 1000 }, 1001],
    ['failed twice', { last: 1000, failures: 2, head: 1000 }, 1002],
    ['failed for long', { last: 1000, failures: 60, head: 1000 }, 1025],
    ['a block was undone', { last: 1000, failures: 0, head: 999 }, 1360],
    ['the chain began anew', { last: 1000, failures: 0, head: 3 }, 0],
  ])('%s', (_, at, due) => expect(dueAt({ every: 360, ...at })).toBe(due))

  it('is no later for a failure', () => expect(dueAt({ every: 5, last: 1000, failures: 9, head: 1000 })).toBe(1005))
})
