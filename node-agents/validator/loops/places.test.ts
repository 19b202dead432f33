import { expect, it } from 'vitest'
import { Places } from './places.ts'

const never = new AbortController().signal
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('gives places all at once, in the order of asking', async () => {
  const places = new Places(3)
  const in_: string[] = []
  const take = (name: string, n: number) => places.take(n, never).then(() => in_.push(name)) // prettier-ignore
  await take('a', 2)
  const [b, c] = [take('b', 2), take('c', 1)]
  await turn()
  expect(in_, 'c would fit, and does not overtake').toEqual(['a'])
  places.give()
  await b
  await turn()
  expect(in_).toEqual(['a', 'b'])
  places.give()
  await c
  expect(in_).toEqual(['a', 'b', 'c'])
})

it('forgets who does not wait any more', async () => {
  const places = new Places(1)
  await places.take(1, never)
  const stop = new AbortController()
  const first = places.take(1, stop.signal)
  const second = places.take(1, never)
  stop.abort()
  await expect(first).rejects.toThrow()
  places.give()
  await second
  await expect(places.take(1, AbortSignal.abort())).rejects.toThrow()
})

it('lets those in who stood behind one that gave up', async () => {
  const places = new Places(1)
  const stop = new AbortController()
  const large = places.take(2, stop.signal)
  const small = places.take(1, never)
  stop.abort()
  await expect(large).rejects.toThrow()
  await small
})
