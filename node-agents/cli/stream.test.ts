import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Message, messages } from './stream.ts'

async function* pieces(list: string[]) {
  yield* list
}
async function all(list: string[]): Promise<Message[]> {
  const got: Message[] = []
  for await (const message of messages(pieces(list))) got.push(message)
  return got
}

const TEXT = 'id: 7\nretry: 1000\n\n: nothing new\n\nevent: paused\ndata: {"a":1}\nid: 8\n\nevent: x\ndata: one\ndata: two\nid: 9\n\ndata: cut of'
const WHOLE: Message[] = [
  { id: '7', data: null },
  { id: '8', data: '{"a":1}' },
  { id: '9', data: 'one\ntwo' },
]

it('reads ids and data, leaves comments out, and waits for the end of a message', async () => {
  expect(await all([TEXT])).toEqual(WHOLE)
  expect(await all([TEXT.replaceAll('\n', '\r\n')])).toEqual(WHOLE)
})

it('however the text is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: TEXT.length - 1 }), { maxLength: 12 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), TEXT.length]
      expect(await all(at.slice(1).map((end, i) => TEXT.slice(at[i], end)))).toEqual(WHOLE)
    }),
  )
})
