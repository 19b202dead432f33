import { expect, it } from 'vitest'
import { oneLine } from './text.ts'

it.each([
  ['an escape sequence', '\u001b[2J'],
  ['a mark of direction', '\u061c'],
  ['another', '\u200e'],
  ['one that holds on', '\u202e'],
  ['one that stands alone', '\u2067'],
])('%s does not get into a line', (_, mark) => {
  expect(oneLine(`a${mark}b`)).not.toContain(mark.slice(0, 1))
})

it('what ends a line anywhere ends none', () => {
  expect(oneLine('a\r\nb\u2028c\u2029d\u0085e')).toBe('a? b c d?e')
})
