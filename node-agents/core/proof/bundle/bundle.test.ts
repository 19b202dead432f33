import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rolled } from '../../../../test/support/pog.ts'
import { recorded, written } from '../../../../test/support/record.ts'
import { hotkeyFromSeed } from '../../hotkey.ts'
import { Mistake } from '../../mistake.ts'
import { makeSigner } from '../../signer.ts'
import { commitment } from '../session/commitment.ts'
import type { Report } from './types.ts'
import { verifyBundle } from './verify.ts'

const signer = makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(5)))
/** Of drand's quicknet, as published. */
const PULSE = {
  round: 1000,
  signature: 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
  randomness: 'fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd',
}
const OUT_MS = 1_692_806_364_000

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fresh = () => join(mkdtempSync(join(folder, 'x-')), 'a.bundle')

async function verified(record: Parameters<typeof recorded>[0] = {}): Promise<Report> {
  const path = fresh()
  await written(path, recorded(record), record?.signer ?? null)
  return verifyBundle(path)
}

const results = ({ file, arithmetic, freshness, timing, verdict, holds }: Report) => [
  file.result,
  arithmetic.result,
  freshness.result,
  timing.result,
  verdict.result,
  holds,
]

describe('evidence of an honest session', () => {
  it('holds, and nobody vouches for its times when nobody signed it', async () => {
    const report = await verified()
    expect(results(report)).toEqual(['intact', 'passed', 'unknown', 'nobody', 'follows', true])
    expect(report.timing.text).toMatch(/attested by nobody.*GPU 0 990\.0 and 990\.0 ms, GPU 1/)
    expect(report.freshness.text).toMatch(/no drand pulse/)
  })

  it('is attested by the hotkey that signed it, and fresh by the pulse its seed hangs on', async () => {
    const report = await verified({ signer, parts: { pulse: PULSE }, goAtMs: OUT_MS + 4500 })
    expect(results(report)).toEqual(['intact', 'passed', 'checked', 'attested', 'follows', true])
    expect(report.timing.text).toContain(signer.address)
    expect(report.freshness.text).toMatch(/pulse 1000 of 2023-08-23T15:59:24\.000Z.* 4\.5 s later/)
  })

  it('names the file as the signed verdict does, and what was committed to as the edge noted it', async () => {
    const path = fresh()
    const record = recorded({ signer })
    const { digest } = await written(path, record, signer)
    const report = await verifyBundle(path)
    expect([report.digest, digest]).toEqual([createHash('sha256').update(readFileSync(path)).digest('hex'), report.digest])
    expect(report.bytes).toBe(statSync(path).size)
    const { session } = record.outcome
    expect(report.committed).toBe(commitment(record.header.sizes, session.seed ?? new Uint8Array(), session.committed))
  })

  it('says that it began before the pulse came out, or that there was no such pulse', async () => {
    const early = await verified({ parts: { pulse: PULSE }, goAtMs: OUT_MS - 1 })
    const other = await verified({ parts: { pulse: { ...PULSE, round: 1001 } } })
    expect([results(early), results(other)].map((r) => [r[2], r[5]])).toEqual([
      ['wrong', false],
      ['wrong', false],
    ])
    expect([early.freshness.text, other.freshness.text]).toEqual([expect.stringMatching(/before drand pulse 1000/), expect.stringMatching(/never published/)])
  })
})

describe('evidence of a dishonest session', () => {
  it.each([
    ['a round that was skipped', { round: (_t: number, before: Int8Array[]) => before }],
    ['a sweep of its own start', { start: rolled }],
    ['the work of another seed', { seed: new Uint8Array(32) }],
  ])('holds as well, and shows the mismatch: %s', async (_, cheat) => {
    const report = await verified({ signer, cheat })
    expect(results(report)).toEqual(['intact', 'mismatch', 'unknown', 'attested', 'follows', true])
    expect(report.end?.identity).toBeNull()
  })

  it('shows a tip that is not the hash of the roots, for which nothing was opened', async () => {
    const path = fresh()
    const record = recorded()
    const at = record.lines.findIndex(({ line }) => line.startsWith('{"t":"tip"'))
    const lines = record.lines.filter(({ line }) => !line.startsWith('{"c":"open"') && !/^\{"t":"(o|done)"/.test(line))
    lines[at] = { from: 'host', atMs: 1000, line: `{"t":"tip","g":0,"h":"${'00'.repeat(32)}"}` }
    const mismatch = { gpu: 0, check: 'tip', at: { state: 4 } } as const
    const gpus = [{ gpu: 0, result: 'mismatch', mismatch } as const, { gpu: 1, result: 'unfinished', checked: 0, asked: 9 } as const]
    const session = { ...record.outcome.session, verdict: { result: 'mismatch' as const, gpus, fault: null, text: 'the tip' } }
    await written(path, { ...record, lines, outcome: { ...record.outcome, session } })
    expect(results(await verifyBundle(path))).toEqual(['intact', 'mismatch', 'unknown', 'nobody', 'follows', true])
  })
})

describe('a file that was changed', () => {
  let bytes = Buffer.alloc(0)
  beforeAll(async () => {
    const path = fresh()
    await written(path, recorded({ signer, parts: { pulse: PULSE } }), signer)
    bytes = readFileSync(path)
  })

  /** Whether the change is found: said in the report, or it is no bundle any more. */
  async function isFound(changed: Buffer): Promise<boolean> {
    const path = join(folder, 'changed')
    writeFileSync(path, changed)
    try {
      const report = await verifyBundle(path)
      return report.file.result === 'changed' && !report.holds && report.arithmetic.result === 'unchecked'
    } catch (error) {
      if (error instanceof Mistake) return true
      throw error
    }
  }
  const withByte = (at: number, change: number): Buffer => {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ change, at)
    return changed
  }

  it('is not found to be when it was not', async () => expect(await isFound(bytes)).toBe(false))

  it('is found to be for any one byte anywhere', { timeout: 240_000 }, async () => {
    const byte = fc.record({ at: fc.integer({ min: 0, max: bytes.length - 1 }), change: fc.integer({ min: 1, max: 255 }) })
    await fc.assert(
      fc.asyncProperty(byte, async ({ at, change }) => {
        expect(await isFound(withByte(at, change))).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  it('is found to be for any byte of the lines that carry it', { timeout: 240_000 }, async () => {
    const text = bytes.toString('latin1')
    const seal = text.lastIndexOf('seal ')
    for (let at = seal; at < bytes.length; at++) expect([at, await isFound(withByte(at, 1 << (at % 8)))]).toEqual([at, true])
    for (let at = 0; at < text.indexOf('header ') + 20; at++) expect([at, await isFound(withByte(at, 1 << (at % 8)))]).toEqual([at, true])
  })

  it('is found to be when it is cut short, anywhere', { timeout: 240_000 }, async () => {
    for (const cut of [1, 2, 200, 400]) expect(await isFound(bytes.subarray(0, -cut))).toBe(true)
    const length = fc.integer({ min: 0, max: bytes.length - 1 })
    await fc.assert(
      fc.asyncProperty(length, async (at) => {
        expect(await isFound(bytes.subarray(0, at))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('is found to be when anything is appended', async () => {
    for (const more of ['\n', ' ', '\0', 'seal {}\n', '< 1 {}\n', bytes.toString('latin1')])
      expect(await isFound(Buffer.concat([bytes, Buffer.from(more)]))).toBe(true)
  })

  it('is found to be when lines change places, are left out, or come twice', { timeout: 240_000 }, async () => {
    const lines = bytes.toString('utf8').trimEnd().split('\n')
    const index = fc.integer({ min: 0, max: lines.length - 2 })
    const again = (changed: string[]) => isFound(Buffer.from(`${changed.join('\n')}\n`))
    await fc.assert(
      fc.asyncProperty(index, fc.constantFrom('swapped', 'left out', 'twice'), async (at, how) => {
        const [a = '', b = ''] = lines.slice(at)
        fc.pre(a !== b)
        const instead = how === 'swapped' ? [b, a] : how === 'twice' ? [a, a, b] : [b]
        expect(await again([...lines.slice(0, at), ...instead, ...lines.slice(at + 2)])).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})
