import { describe, expect, test } from 'vitest'
import { lineEditor, withReturns } from './tty.ts'

/** Types the pieces one after the other; gives what was sent, shown and asked for in all. */
function type(...pieces: string[]) {
  const edit = lineEditor()
  const out = pieces.map(edit)
  const all = (key: 'send' | 'echo') => out.map((keys) => keys[key]).join('')
  return { send: all('send'), echo: all('echo'), interrupt: out.some((k) => k.interrupt), end: out.some((k) => k.end) }
}

describe('lineEditor', () => {
  test.each<[string, string[], ReturnType<typeof type>]>([
    ['a line goes when it is done', ['l', 's\r'], { send: 'ls\n', echo: 'ls\r\n', interrupt: false, end: false }],
    ['erase takes the last character, also a wide one', ['lž\u007fs\r'], { send: 'ls\n', echo: 'lž\b \bs\r\n', interrupt: false, end: false }],
    ['erase at the beginning does nothing', ['\u007f\u007fa\r'], { send: 'a\n', echo: 'a\r\n', interrupt: false, end: false }],
    ['ctrl-u takes the line', ['abc\u0015d\r'], { send: 'd\n', echo: `abc${'\b \b'.repeat(3)}d\r\n`, interrupt: false, end: false }],
    ['ctrl-c interrupts and forgets the line', ['rm -rf\u0003ls\r'], { send: 'ls\n', echo: 'rm -rf^C\r\nls\r\n', interrupt: true, end: false }],
    ['ctrl-d ends an empty line', ['\u0004'], { send: '', echo: '', interrupt: false, end: true }],
    ['ctrl-d in a line does not', ['a\u0004\r'], { send: 'a\n', echo: 'a\r\n', interrupt: false, end: false }],
    ['arrows are not typed', ['a\u001b[Ab\u001bOC\r'], { send: 'ab\n', echo: 'ab\r\n', interrupt: false, end: false }],
  ])('%s', (_, typed, expected) => expect(type(...typed)).toEqual(expected))
})

test('withReturns adds what is missing and nothing more', () => expect(withReturns('a\nb\r\nc')).toBe('a\r\nb\r\nc'))
