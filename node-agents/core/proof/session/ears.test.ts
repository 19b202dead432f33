import { describe, expect, it } from 'vitest'
import { Ears } from './ears.ts'
import { Failure } from './failure.ts'
import type { Pipe } from './types.ts'

type Source = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>

function pipe(source: Source, errors = ''): Pipe {
  return {
    write: async () => undefined,
    output: (async function* () {
      yield* source()
    })(),
    errors: () => errors,
    close: () => undefined,
  }
}

const BOUNDS = { line: 1000, total: 100_000, chunks: 1000 }
const forever = (text: string): Source =>
  function* () {
    for (;;) yield Buffer.from(text)
  }
const some =
  (...texts: string[]): Source =>
  () =>
    texts.map((text) => Buffer.from(text))

/** All lines that are heard, and how it ended. */
async function listen(source: Source, { errors = '', bounds = BOUNDS, most = Number.POSITIVE_INFINITY } = {}) {
  const lines: string[] = []
  const ears = new Ears(pipe(source, errors), bounds)
  const ended = await ears
    .listen(
      () => undefined,
      (line) => void lines.push(line),
      () => lines.length >= most,
    )
    .then(
      () => null,
      (error: unknown) => error,
    )
  const failure = ended instanceof Failure ? { ended: ended.ended, text: ended.message } : ended
  return { lines, failure, bytes: ears.bytes }
}

describe('what a script says', () => {
  it('is cut into lines, however it is cut into pieces', async () => {
    expect(await listen(some('a\nb', 'c\n', '', 'd\n\ne'))).toMatchObject({ lines: ['a', 'bc', 'd', ''], failure: { ended: 'broken' } })
  })

  it('is heard until it is over, and nothing is read after that', async () => {
    const { lines, failure, bytes } = await listen(some('a\nb\nc\n', 'd\n'), { most: 2 })
    expect({ lines, failure, bytes }).toEqual({ lines: ['a', 'b'], failure: null, bytes: 6 })
  })

  it.each<[string, Source, string]>([
    ['a line without end', forever('x'.repeat(300)), 'a line of more than 1000 bytes'],
    ['lines without end', forever('x\n'.repeat(300)), 'more than 100000 bytes in all'],
    ['pieces without end', forever('x\n'), 'what comes is in more than 1000 pieces'],
    ['nothing, over and over', forever(''), 'what comes is in more than 1000 pieces'],
    ['all in one piece', some(`${'x'.repeat(99)}\n`.repeat(5000)), 'more than 100000 bytes in all'],
  ])('is bounded: %s', async (_, source, text) => {
    const { failure, lines } = await listen(source)
    expect(failure).toEqual({ ended: 'malformed', text })
    expect(lines.join('').length).toBeLessThanOrEqual(BOUNDS.total)
  })

  it.each([
    ['', 'the script ended'],
    ['Traceback\n  \u001b[31mno\tmemory\n\n', 'the script ended; its last words: ?[31mno memory'],
    [`${'x'.repeat(1000)}`, `the script ended; its last words: ${'x'.repeat(159)}…`],
  ])('ends, with the last words %j', async (errors, text) => {
    expect(await listen(some('a\n'), { errors })).toMatchObject({ failure: { ended: 'broken', text } })
  })

  it('breaks off', async () => {
    const torn: Source = async function* () {
      yield Buffer.from('a\n')
      throw new Error('reset\nby peer')
    }
    expect(await listen(torn)).toMatchObject({ lines: ['a'], failure: { ended: 'broken', text: 'the connection broke: reset by peer' } })
  })

  it('keeps nobody else waiting while it comes, be it in one piece', async () => {
    for (const source of [forever('x\n'.repeat(500)), some('x\n'.repeat(5_000_000))]) {
      let isOver = false
      let heard = 0
      const ears = new Ears(pipe(source), { line: 1000, total: 2 ** 40, chunks: 2 ** 40 })
      // Somebody else's turn: it comes while there is more to be read.
      setImmediate(() => setImmediate(() => (isOver = true)))
      await ears.listen(
        () => undefined,
        () => void heard++,
        () => isOver,
      )
      expect(heard).toBeLessThan(500_000)
    }
  })
})
