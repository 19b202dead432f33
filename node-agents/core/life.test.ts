import { expect, it } from 'vitest'
import { Cleanup, live, type Loop } from './life.ts'
import { makeLog } from './log.ts'

const log = makeLog('silent', 'test')
const waits: Loop = {
  name: 'waits',
  run: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
}
const breaks = (name: string): Loop => ({ name, run: async () => Promise.reject(new Error(`${name} broke`)) })

it('ends quietly when told to', async () => {
  const stop = new AbortController()
  const done = live([waits, { ...waits, name: 'other' }], stop.signal, log)
  stop.abort()
  await expect(done).resolves.toBeUndefined()
})

it('stops every loop when one fails, and throws what failed', async () => {
  await expect(live([waits, breaks('a')], new AbortController().signal, log)).rejects.toThrow('a broke')
  const both = live([breaks('a'), breaks('b')], new AbortController().signal, log)
  await expect(both).rejects.toMatchObject({ name: 'AggregateError', errors: [{ message: 'a broke' }, { message: 'b broke' }] })
})

it('takes a loop that just ends for a failure', async () => {
  await expect(live([waits, { name: 'short', run: async () => undefined }], new AbortController().signal, log)).rejects.toThrow('loop short ended by itself')
})

it('undoes in reverse, and goes on after a failure', async () => {
  const done: string[] = []
  const cleanup = new Cleanup()
  cleanup.defer('first', () => done.push('first'))
  cleanup.defer('second', () => Promise.reject(new Error('no')))
  cleanup.defer('third', () => done.push('third'))
  await cleanup.run(log)
  expect(done).toEqual(['third', 'first'])
})
