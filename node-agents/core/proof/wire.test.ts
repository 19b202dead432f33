import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandLine } from './commands.ts'
import { Malformed } from './fault.ts'
import { base64Length, readMessage } from './wire.ts'

const hash = 'ab'.repeat(32)
const bytes = Buffer.alloc(32, 0xab)
const MESSAGES: [Record<string, unknown>, Record<string, unknown>?][] = [
  [{ t: 'hello', v: 2, torch: '2.5.1', g: 0, name: 'NVIDIA H100', mem: 85_000_000_000 }],
  [{ t: 'hello', v: 2, torch: null, g: 7, name: 'cpu', mem: 0 }],
  [{ t: 'pong', n: '0123456789abcdef' }],
  [{ t: 'warn', g: 0, e: 'bf16', m: 'not there' }],
  [{ t: 'ready', g: 0, engine: 'i8' }],
  [{ t: 'tip', g: 3, h: hash }, { h: bytes }],
  [{ t: 'roots', g: 0, d: bytes.toString('base64') }, { d: bytes }],
  [{ t: 'swp', g: 0, h: hash }, { h: bytes }],
  [{ t: 'swr', g: 0, root: hash }, { root: bytes }],
  [{ t: 'o', g: 0, k: 2047, d: '' }, { d: Buffer.alloc(0) }],
  [{ t: 'done', g: 63 }],
  [{ t: 'error', g: 0, m: 'out of order' }],
  [{ t: 'error', m: 'no GPU here' }],
]

describe('messages', () => {
  it.each(MESSAGES)('%j', (message, decoded = {}) => {
    expect(readMessage(JSON.stringify(message))).toEqual({ ...message, ...decoded })
  })

  it('what else they say is left out', () => {
    expect(readMessage('{"t":"done","g":1,"time":0.001,"__proto__":{"x":1}}')).toEqual({ t: 'done', g: 1 })
  })

  it.each([
    ['an empty line', '', 'no JSON'],
    ['half a line', '{"t":"done"', 'no JSON'],
    ['NaN', '{"t":"o","g":0,"k":NaN,"d":""}', 'no JSON'],
    ['text around it', '{"t":"done","g":0} {"t":"done","g":0}', 'no JSON'],
    ['a list', '[1]', 'message "[1]"'],
    ['nothing', 'null', 'message "null"'],
    ['a message that is none', '{"t":"eval","g":0}', 'message "eval": t:'],
    ['no GPU', '{"t":"done"}', 'message "done": g:'],
    ['a GPU below zero', '{"t":"done","g":-1}', 'message "done": g:'],
    ['a broken GPU', '{"t":"done","g":0.5}', 'message "done": g:'],
    ['a GPU in words', '{"t":"done","g":"0"}', 'message "done": g:'],
    ['too many GPUs', '{"t":"done","g":64}', 'message "done": g:'],
    ['another version', '{"t":"hello","v":1,"torch":"2","g":0,"name":"","mem":1}', 'message "hello": v:'],
    ['endless memory', '{"t":"hello","v":2,"torch":"2","g":0,"name":"","mem":1e999}', 'message "hello": mem:'],
    ['a long name', JSON.stringify({ t: 'hello', v: 2, torch: '2', g: 0, name: 'x'.repeat(301), mem: 1 }), 'message "hello": name:'],
    ['a hash that is too short', '{"t":"tip","g":0,"h":"abcd"}', 'message "tip": h: 32 bytes'],
    ['a hash in upper case', `{"t":"tip","g":0,"h":"${hash.toUpperCase()}"}`, 'message "tip": h: 32 bytes'],
    ['an opening without number', '{"t":"o","g":0,"d":""}', 'message "o": k:'],
    ['an opening beyond any request', '{"t":"o","g":0,"k":2048,"d":""}', 'message "o": k:'],
    ['bulk that is no text', '{"t":"roots","g":0,"d":[1,2]}', 'message "roots": d:'],
  ])('%s is malformed', (_, line, why) => {
    expect(() => readMessage(line)).toThrow(Malformed)
    expect(() => readMessage(line)).toThrow(why)
  })

  it.each(['A', 'AA', 'AAA', 'AA=', 'AAAA=', 'AB==', 'AAB=', 'AA-_', 'A A=', 'AAAA\n', 'AAAA====', '====', 'AA==AAAA', 'é/=='])('%j is no base64', (d) => {
    expect(() => readMessage(JSON.stringify({ t: 'o', g: 0, k: 0, d }))).toThrow('message "o": d: no base64')
  })

  it('takes all base64, and none with one bit changed for the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), (bytes, bit) => {
        const line = JSON.stringify({ t: 'o', g: 0, k: 3, d: Buffer.from(bytes).toString('base64') })
        expect(readMessage(line)).toEqual({ t: 'o', g: 0, k: 3, d: Buffer.from(bytes) })
        const changed = Buffer.from(line)
        const at = bit % (changed.length * 8)
        changed.writeUInt8(changed.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
        expect(outcome(changed.toString('utf8'))).not.toEqual(outcome(line))
        expectAsJson(changed.toString('utf8'))
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    '{"t":"o","g":63,"k":2047,"d":"AAAA"}',
    '{"t":"o","g":64,"k":0,"d":"AAAA"}',
    '{"t":"o","g":0,"k":2048,"d":"AAAA"}',
    '{"t":"o","g":07,"k":0,"d":"AAAA"}',
    '{"t":"o","g":0,"k":1e3,"d":"AAAA"}',
    '{"t":"o","g":0,"k":0,"d":"AA\\/\\/"}',
    '{"t":"o","g":0,"k":0,"d":"AAAA","d":"BBBB"}',
    '{"t":"o","g":0,"k":0,"d":"AAAA","more":"AAAA"}',
    '{"t":"o","g":0,"k":0,"d":"AAAA"}"}',
    '{"t":"o","g":0,"k":0,"d":"AAAA"} ',
    '{"t":"o","g":0,"k":0,"d":"}',
    '{"t":"o","g":0,"k":0,"d":""}',
    '{"k":0,"d":"AAAA","g":0,"t":"o"}',
  ])('%s is read as the JSON that it is', (line) => expectAsJson(line))

  it('puts an opening where there is room for it, and is no less strict', () => {
    const room = Buffer.alloc(100, 0xee)
    const opening = (d: string) => JSON.stringify({ t: 'o', g: 0, k: 3, d })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.string({ maxLength: 3 }), (bytes, more) => {
        const d = Buffer.from(bytes).toString('base64')
        const message = readMessage(opening(d), room)
        expect(message).toEqual({ t: 'o', g: 0, k: 3, d: Buffer.from(bytes) })
        if (bytes.length > 0 && bytes.length <= room.length) expect(room.subarray(0, bytes.length).equals(bytes)).toBe(true)
        const same = (room?: Buffer) => outcome(opening(d + more), room)
        expect(same(room)).toEqual(same())
      }),
    )
    const roots = { t: 'roots', g: 0, d: 'AAAA' }
    expect([readMessage(JSON.stringify(roots), room), readMessage(JSON.stringify({ ...roots, d: 'BBBB' }), room)]).toEqual([
      { ...roots, d: Buffer.from('AAAA', 'base64') },
      { ...roots, d: Buffer.from('BBBB', 'base64') },
    ])
  })

  it('throws nothing else, whatever comes', () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(...MESSAGES).map(([m]) => JSON.stringify({ ...m, g: [] })),
    )
    fc.assert(fc.property(line, (text) => outcome(text) !== undefined))
  })

  it('says little of what came', () => {
    expect(() => readMessage('x'.repeat(60_000))).toThrow(/^a line is no JSON: "x{40}"$/)
  })
})

/** Openings have a way of their own, unless anything stands before them. */
function expectAsJson(line: string): void {
  expect(outcome(line)).toEqual(outcome(` ${line}`))
}

/** The message, or that it was malformed. */
function outcome(line: string, room?: Buffer): unknown {
  try {
    return readMessage(line, room)
  } catch (error) {
    if (error instanceof Malformed) return 'malformed'
    throw error
  }
}

describe('commands', () => {
  const sizes = { n: 1024, K: 8, w: 16, f: 4, lanes: 8, r: 2, Q: 40 }
  it.each([
    [commandLine({ c: 'ping', nonce: Buffer.alloc(8, 1) }), '{"c":"ping","n":"0101010101010101"}\n'],
    [commandLine({ c: 'prep', sizes }), '{"c":"prep","n":1024,"K":8,"w":16,"f":4,"engine":"auto"}\n'],
    [commandLine({ c: 'go', seed: bytes }), `{"c":"go","seed":"${hash}"}\n`],
    [commandLine({ c: 'sweep', gpu: 1, nonce: bytes, sizes }), `{"c":"sweep","g":1,"nonce":"${hash}","lanes":8,"r":2,"Q":40}\n`],
    [commandLine({ c: 'roots', gpu: 1 }), '{"c":"roots","g":1}\n'],
    [commandLine({ c: 'open', gpu: 2, request: { rows: [[1, 2]], u: [[3, 4]] } }), '{"c":"open","g":2,"rows":[[1,2]],"u":[[3,4]]}\n'],
    [commandLine({ c: 'quit' }), '{"c":"quit"}\n'],
  ])('%j', (line, expected) => expect(line).toBe(expected))
})

describe('base64', () => {
  it('has a known length', () => {
    for (let length = 0; length < 9; length++) expect(base64Length(length)).toBe(Buffer.alloc(length).toString('base64').length)
  })
})
