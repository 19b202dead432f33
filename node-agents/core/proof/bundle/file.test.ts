import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recorded, written } from '../../../../test/support/record.ts'
import { hotkeyFromSeed } from '../../hotkey.ts'
import { Mistake } from '../../mistake.ts'
import { makeSigner } from '../../signer.ts'
import { makeSeed } from './seed.ts'
import type { SeedParts } from './types.ts'
import { verifyBundle } from './verify.ts'
import { BundleWriter } from './write.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const emptyFolder = () => mkdtempSync(join(folder, 'x-'))

describe('writing evidence', () => {
  const record = recorded()

  it('is of its owner only, and has its name once it is whole', async () => {
    const here = emptyFolder()
    const writer = new BundleWriter(join(here, 'a'))
    await writer.begin(record.header)
    for (const line of record.lines) writer.heard(line)
    expect(readdirSync(here)).toEqual(['a.partial'])
    expect(statSync(join(here, 'a.partial')).mode & 0o777).toBe(0o600)
    await writer.close(record.outcome)
    expect(readdirSync(here)).toEqual(['a'])
    expect(statSync(join(here, 'a')).mode & 0o777).toBe(0o600)
  })

  it('leaves nothing behind when it is given up, at any time', async () => {
    const here = emptyFolder()
    const writer = new BundleWriter(join(here, 'a'))
    await writer.abort()
    await writer.begin(record.header)
    for (const line of record.lines) writer.heard(line)
    await writer.abort()
    await writer.abort()
    expect(readdirSync(here)).toEqual([])
  })

  it('keeps what is closed when it is given up after that', async () => {
    const here = emptyFolder()
    const writer = new BundleWriter(join(here, 'a'))
    await writer.begin(record.header)
    await writer.close(record.outcome)
    await writer.abort()
    expect(readdirSync(here)).toEqual(['a'])
  })

  it('takes the place of what a process that died left', async () => {
    const here = emptyFolder()
    writeFileSync(join(here, 'a.partial'), 'half', { mode: 0o644 })
    await written(join(here, 'a'), record)
    expect([readdirSync(here), statSync(join(here, 'a')).mode & 0o777]).toEqual([['a'], 0o600])
  })

  it('makes nothing of a session that never began', async () => {
    const here = emptyFolder()
    const writer = new BundleWriter(join(here, 'a'))
    writer.heard({ from: 'host', atMs: -5, line: '{"t":"hello"}' })
    expect(await writer.close(record.outcome)).toBeNull()
    expect(readdirSync(here)).toEqual([])
  })

  it('never writes over evidence', async () => {
    const path = join(emptyFolder(), 'a')
    writeFileSync(path, 'older')
    await expect(written(path, record)).rejects.toThrow(/is there already.*name another file/)
    expect(readFileSync(path, 'utf8')).toBe('older')
  })

  it('says where it cannot be written', async () => {
    const path = join(folder, 'no such folder', 'a')
    const failed = written(path, record)
    await expect(failed).rejects.toThrow(Mistake)
    await expect(failed).rejects.toThrow(path)
  })

  it('has one header, of the key that signs', async () => {
    const signer = makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(5)))
    const here = emptyFolder()
    await expect(new BundleWriter(join(here, 'a'), signer).begin(record.header)).rejects.toThrow(RangeError)
    const writer = new BundleWriter(join(here, 'b'))
    await writer.begin(record.header)
    await expect(writer.begin(record.header)).rejects.toThrow('one header')
    await writer.abort()
  })

  it('keeps a line a line', async () => {
    const writer = new BundleWriter(join(emptyFolder(), 'a'))
    await writer.begin(record.header)
    expect(() => writer.heard({ from: 'host', atMs: 1, line: 'a\nend {}' })).toThrow('one line')
    await writer.abort()
  })

  it('keeps what a host says in its own words where these are no protocol, and words for people without what drives a terminal', async () => {
    const path = join(emptyFolder(), 'a')
    const { session } = record.outcome
    const verdict = { result: 'unfinished' as const, gpus: [], fault: null, text: 'no\u001b[2J answer' }
    const outcome = { ...record.outcome, session: { ...session, ended: 'timeout' as const, text: 'roots: \u0007late', verdict, times: [] } }
    const line = '{"t":"error","m":"\\u001b[31m\ufffd é"}'
    await written(path, { ...record, lines: [...record.lines.slice(0, 4), { from: 'host', atMs: 3000.1234567, line }], outcome })
    expect(readFileSync(path, 'utf8')).toContain(`\n< 3000.123 ${line}\n`)
    const report = await verifyBundle(path)
    expect(report).toMatchObject({ file: { result: 'intact' }, arithmetic: { result: 'incomplete' }, verdict: { result: 'follows' }, holds: true })
    expect(report.end).toMatchObject({ text: 'roots: ?late', identity: null, verdict: { text: 'no?[2J answer' } })
  })
})

describe('a file that is no bundle', () => {
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content)
    return name
  }
  const MAGIC = 'compute proof bundle 1\n'
  it.each<[string, () => string, RegExp]>([
    ['is not there', () => 'missing', /cannot be read/],
    ['is a folder', () => (mkdirSync(join(folder, 'd'), { recursive: true }), 'd'), /is no file|cannot be read/],
    ['is empty', () => file('empty', ''), /is empty/],
    ['is something else', () => file('text', 'hello\nworld\n'), /begins? with "compute proof bundle 1"/],
    ['is another version', () => file('two', 'compute proof bundle 2\n'), /begins? with/],
    ['has no end of line', () => file('endless', Buffer.concat([Buffer.from(MAGIC), Buffer.alloc(2 ** 19, 'x')])), /a line of more than/],
    ['has no line at all', () => file('zeros', Buffer.alloc(2 ** 20)), /a line of more than/],
  ])('is refused when it %s', async (_, make, why) => {
    const failed = verifyBundle(join(folder, make()))
    await expect(failed).rejects.toThrow(Mistake)
    await expect(failed).rejects.toThrow(why)
  })

  it('is refused when it has gigabytes, before they are read', async () => {
    const path = join(folder, file('sparse', MAGIC))
    truncateSync(path, 8 * 2 ** 30)
    await expect(verifyBundle(path)).rejects.toThrow(/more than \d+ bytes/)
  })

  it('is refused when it is a pipe that nobody writes to, or a device without an end', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    await expect(verifyBundle(path)).rejects.toThrow(/is no file/)
    await expect(verifyBundle('/dev/zero')).rejects.toThrow(/is no file/)
  })

  it('is called changed when it only begins like one', async () => {
    expect(await verifyBundle(join(folder, file('start', MAGIC)))).toMatchObject({ file: { result: 'changed' }, holds: false })
  })
})

describe('a seed', () => {
  const text = fc.string({ maxLength: 20 })
  const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'))
  const pulse = fc.option(fc.record({ round: fc.integer({ min: 1 }), randomness: hex(32), signature: hex(48) }))
  const parts = fc.record({ fresh: hex(32), pulse, validator: text, miner: text, hostKey: text, round: text })
  const of = (p: SeedParts) => Buffer.from(makeSeed(p)).toString('hex')

  it('hangs on each of its parts, wherever one ends and the next begins', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(of(a) === of(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
    fc.assert(
      fc.property(parts, text, (a, more) => {
        fc.pre(more !== '')
        expect(of({ ...a, validator: a.validator + more })).not.toBe(of({ ...a, miner: more + a.miner }))
      }),
    )
  })
  it('has 32 bytes, and is the same again', () => {
    fc.assert(
      fc.property(parts, (p) => {
        expect([makeSeed(p).length, of(p)]).toEqual([32, of({ ...p })])
      }),
    )
  })
  it.each(['', '00', 'AB'.repeat(32), `${'00'.repeat(31)}0g`])('is not made of %j as its own randomness', (fresh) =>
    expect(() => makeSeed({ fresh, pulse: null, validator: '', miner: '', hostKey: '', round: '' })).toThrow('fresh'),
  )
})
