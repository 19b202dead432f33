import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { tail } from '../../core/tail.ts'
import { demux } from './demux.ts'

const frame = (stream: number, body: Buffer) => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

test('frames come apart wherever the chunks end', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 })), { maxLength: 30 })
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (parts, size) => {
      const wire = Buffer.concat(parts.map(([stream, body]) => frame(stream, Buffer.from(body))))
      const seen: Buffer[] = []
      const take = demux((bytes) => seen.push(bytes))
      for (let at = 0; at < wire.length; at += size) take(wire.subarray(at, at + size))
      expect(Buffer.concat(seen)).toEqual(Buffer.concat(parts.map(([, body]) => Buffer.from(body))))
    }),
  )
})

test('a chunk of very many short frames is no deep stack', () => {
  const wire = Buffer.concat(Array.from({ length: 100_000 }, () => frame(1, Buffer.from('y\n'))))
  const last = tail()
  demux(last.write)(wire)
  expect(last.text()).toBe('y\n'.repeat(1024))
})

test('the tail holds the last bytes and no broken character', () => {
  const last = tail(5)
  last.write(Buffer.from('abc'))
  last.write(Buffer.from('žlu'))
  expect(last.text()).toBe('cžlu')
  last.write(Buffer.from('žž'))
  expect(last.text()).toBe('užž')
  last.write(Buffer.from('žžž'))
  expect(last.text()).toBe('žž')
})
