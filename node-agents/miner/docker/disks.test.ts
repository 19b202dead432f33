import { describe, expect, test } from 'vitest'
import { rootOf, sizeOf } from './disks.ts'

describe('the size of a disk', () => {
  test.each([
    [0, 1],
    [1, 1],
    [31, 31],
    [33, 32],
    [34, 34],
    [100, 100],
    [103, 100],
    [1000, 992],
  ])('%d GB asked for: %d', (asked, gb) => expect(sizeOf(asked)).toBe(gb))

  test('is never more than what was asked for, nor less by more than a sixteenth', () => {
    for (let gb = 1; gb < 5000; gb++) {
      expect(sizeOf(gb)).toBeLessThanOrEqual(gb)
      expect(sizeOf(gb)).toBeGreaterThan(gb * (15 / 16))
    }
  })
})

test.each([
  ['/var/lib/docker', '0:0'],
  ['/var/lib/docker/231072.231072', '231072:231072'],
  ['/data/1.2/docker', '0:0'],
])('root of the containers of %s is %s', (dockerRoot, root) => expect(rootOf(dockerRoot)).toBe(root))
