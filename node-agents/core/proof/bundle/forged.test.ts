import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { edited, recorded, resealed, saidBy, written } from '../../../../test/support/record.ts'
import { readCatalog } from '../../catalog.ts'
import { hotkeyFromSeed } from '../../hotkey.ts'
import { Mistake } from '../../mistake.ts'
import { makeSigner, type Signer } from '../../signer.ts'
import type { Report } from './types.ts'
import { verifyBundle } from './verify.ts'

/** What whoever holds the key may write, and seal so that the file is intact: the rest must say that it is wrong. */

const [signer, other] = [5, 6].map((n) => makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(n)))) as [Signer, Signer]
type Json = Record<string, unknown>

let folder = ''
let honest = ''
let cheating = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'forged-'))
  await written(join(folder, 'honest'), recorded({ signer }), signer)
  honest = readFileSync(join(folder, 'honest'), 'utf8')
  await written(join(folder, 'cheating'), recorded({ signer, cheat: { round: (_t, before) => before } }), signer)
  cheating = readFileSync(join(folder, 'cheating'), 'utf8')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function verified(text: string): Promise<Report> {
  const path = join(folder, 'forged')
  writeFileSync(path, text)
  return verifyBundle(path)
}
const forged = (change: (lines: string[]) => string[], by: Signer | null = signer, text = honest) => verified(resealed(text, change, by))
const withEnd = (change: (end: Json) => object) => (lines: string[]) => edited(lines, 'end ', change)
const withHeader = (change: (header: Json) => object) => (lines: string[]) => edited(lines, 'header ', change)
const isOpening = (line: string) => saidBy(line)?.t === 'o'
const indexOf = (lines: string[], what: (line: string) => boolean) => {
  const at = lines.findIndex(what)
  if (at === -1) throw new Error('no such line')
  return at
}
const command = (c: string) => (line: string) => line.startsWith('> ') && line.includes(`{"c":"${c}"`)
const moved = (lines: string[], from: number, to: number) => {
  const [line = ''] = lines.splice(from, 1)
  lines.splice(to, 0, line)
  return lines
}
const ONE = { gpu: 0, chainMs: 990, sweepMs: 990 }
const replaced = (lines: string[], at: number, change: (line: string) => string) => lines.map((line, i) => (i === at ? change(line) : line))

it('a bundle that is sealed again without a change holds', async () => {
  expect(await forged((lines) => lines)).toMatchObject({ file: { result: 'intact' }, holds: true })
})

describe('a conclusion that does not follow', () => {
  const times = (chainMs: number) => (end: Json) => ({ ...end, times: [0, 1].map((gpu) => ({ gpu, chainMs, sweepMs: 990 })) })
  const cases: [string, (lines: string[]) => string[], RegExp][] = [
    ['cards that are called real and proven', withEnd((e) => ({ ...e, identity: { ...(e['identity'] as Json), result: 'proven' } })), /says simulated/],
    ['a better model', withEnd((e) => ({ ...e, identity: { ...(e['identity'] as Json), model: 'NVIDIA B200' } })), /says simulated/],
    [
      'more than was measured',
      withEnd((e) => ({ ...e, identity: { ...(e['identity'] as Json), measured: { tops: 2000, gbs: 4800, vram_gb: 140 } } })),
      /not what its times/,
    ],
    ['more cards than were asked', withEnd((e) => ({ ...e, claim: { ...(e['claim'] as Json), count: 8 } })), /8 GPUs, and 2/],
    [
      'a mismatch that was none',
      withEnd((e) => ({ ...e, verdict: { result: 'mismatch', text: 'cheating', gpus: [] } })),
      /says "cheating", and checked again: all 2/,
    ],
    ['nothing proved, where all was', withEnd((e) => ({ ...e, verdict: { result: 'unfinished', text: 'x', gpus: [] } })), /says "x"/],
    ['times of one GPU only', withEnd((e) => ({ ...e, times: [ONE] })), /2 GPUs by 1 times of 1/],
    ['times of one GPU twice', withEnd((e) => ({ ...e, times: [ONE, ONE] })), /2 GPUs by 2 times of 1/],
  ]
  it.each(cases)('is said to be wrong: %s', async (_, change, why) => {
    const report = await forged(change)
    expect(report).toMatchObject({ file: { result: 'intact' }, arithmetic: { result: 'passed' }, verdict: { result: 'wrong' }, holds: false })
    expect(report.verdict.text).toMatch(why)
  })

  it('is said to be wrong when a cheat is signed as proved', async () => {
    const passed = { result: 'passed', text: 'all 2 GPUs passed', gpus: [0, 1].map((gpu) => ({ gpu, result: 'passed', mismatch: null })) }
    const report = await forged(
      withEnd((e) => ({ ...e, verdict: passed })),
      signer,
      cheating,
    )
    expect(report).toMatchObject({ file: { result: 'intact' }, arithmetic: { result: 'mismatch' }, verdict: { result: 'wrong' }, holds: false })
    expect(report.verdict.text).toMatch(/says "all 2 GPUs passed", and checked again: GPU 0: .* does not follow/)
  })

  it('is said to be wrong when the mismatch was at another place', async () => {
    const elsewhere = withEnd((e) => {
      const verdict = e['verdict'] as { gpus: Json[] }
      return { ...e, verdict: { ...verdict, gpus: verdict.gpus.map((g) => ({ ...g, mismatch: { check: 'tip', at: { state: 4 } } })) } }
    })
    expect(await forged(elsewhere, signer, cheating)).toMatchObject({
      verdict: { result: 'wrong', text: expect.stringMatching(/GPU 0 did not pass, and where/) as string },
    })
  })

  it.each([
    ['faster', 500],
    ['much slower', 100_000],
    ['in no time', 0],
    ['in less than that', -5],
  ])('is not attested: times that its lines do not have, %s', async (_, chainMs) => {
    const report = await forged(withEnd(times(chainMs)))
    expect(report).toMatchObject({ timing: { result: 'wrong' }, holds: false })
    expect(report.timing.text).toMatch(/GPU 0 is said to have taken .* and its lines say 1000/)
  })

  it('by another catalogue is only told', async () => {
    const report = await forged(withEnd((e) => ({ ...e, catalog: '2020-01-01', identity: { ...(e['identity'] as Json), result: 'proven' } })))
    expect(report).toMatchObject({ verdict: { result: 'follows', text: expect.stringMatching(/a catalogue of 2020-01-01; here is that of/) as string } })
    expect(readCatalog().dated).not.toBe('2020-01-01')
  })
})

describe('a session that was none', () => {
  const cases: [string, (lines: string[]) => string[], RegExp][] = [
    ['another seed than that of its parts', withHeader((h) => ({ ...h, seed: { ...(h['seed'] as Json), miner: '5Other' } })), /another seed/],
    ['sizes that were not asked', withHeader((h) => ({ ...h, sizes: { ...(h['sizes'] as Json), Q: 5 } })), /otherwise than its sizes/],
    ['sizes that cannot be', withHeader((h) => ({ ...h, sizes: { ...(h['sizes'] as Json), n: 33 } })), /powers of two/],
    [
      'sizes that would take all memory',
      withHeader((h) => ({ ...h, gpus: 64, sizes: { ...(h['sizes'] as Json), n: 32_768, r: 16, K: 1500, w: 1, f: 4 } })),
      /bytes, more than/,
    ],
    ['a moment that is none', withHeader((h) => ({ ...h, goAtMs: 1e300 })), /header is not/],
    ['a name that drives the terminal', withHeader((h) => ({ ...h, seed: { ...(h['seed'] as Json), miner: '\u001b[2J' } })), /header is not/],
    ['no header', (lines) => lines.toSpliced(1, 1), /no header/],
    ['no end', (lines) => lines.slice(0, -1), /no end/],
    ['two ends', (lines) => [...lines, lines.at(-1) ?? ''], /follows its end/],
    ['an end that says nothing', withEnd(() => ({})), /end is not/],
    ['no go', (lines) => lines.filter((line) => !command('go')(line)), /before it may begin/],
    ['two goes', (lines) => lines.flatMap((line) => (command('go')(line) ? [line, line] : [line])), /goes twice/],
    [
      'a sweep before the tip',
      (lines) => moved(lines, indexOf(lines, command('sweep')), 3).map((line) => line.replace(/^([<>]) \d+/, '$1 1')),
      /sweep at the wrong time/,
    ],
    [
      'a sweep before all have their states',
      (lines) => moved(lines, indexOf(lines, command('sweep')), indexOf(lines, command('sweep')) - 1),
      /sweep at the wrong time/,
    ],
    ['two sweeps', (lines) => lines.flatMap((line) => (command('sweep')(line) ? [line, line] : [line])), /sweep at the wrong time/],
    ['one nonce for two', (lines) => lines.map((line) => (command('sweep')(line) ? line.replace('02'.repeat(32), '01'.repeat(32)) : line)), /one nonce/],
    [
      'roots before the sweep is over',
      (lines) => moved(lines, indexOf(lines, command('roots')), 5).map((line) => line.replace(/^([<>]) \d+/, '$1 1')),
      /roots at the wrong time/,
    ],
    ['openings before all committed', (lines) => moved(lines, indexOf(lines, command('open')), indexOf(lines, command('open')) - 3), /open at the wrong time/],
    [
      'a request that leaves out the ends',
      (lines) => replaced(lines, indexOf(lines, command('open')), (line) => line.replace(/,\[\d+,\d+\]\],"u"/, '],"u"')),
      /no sample gives/,
    ],
    ['a GPU that is not there', (lines) => replaced(lines, indexOf(lines, command('open')), (line) => line.replace('"g":0', '"g":9')), /speaks to GPU 9/],
    ['a command that is none', (lines) => replaced(lines, indexOf(lines, command('open')), (line) => line.replace('"open"', '"peek"')), /no command/],
    ['a time that goes back', (lines) => replaced(lines, indexOf(lines, isOpening), (line) => line.replace(/^< \d+/, '< 5')), /go back/],
    [
      'more lines than a session has',
      (lines) => [...lines.slice(0, -1), ...Array<string>(50_000).fill(lines.at(-2) ?? ''), lines.at(-1) ?? ''],
      /no more than 50000 lines/,
    ],
    ['a line of nobody', (lines) => replaced(lines, 4, (line) => line.slice(1)), /of nobody/],
  ]
  it.each(cases)('is unsound: %s', async (_, change, why) => {
    const report = await forged(change)
    expect(report).toMatchObject({ file: { result: 'intact' }, arithmetic: { result: 'unsound' }, holds: false })
    expect(report.arithmetic.text).toMatch(why)
  })

  it('is unsound when it is signed by another than the one who asked', async () => {
    const report = await forged(
      withHeader((h) => ({ ...h, by: other.address })),
      other,
    )
    expect(report).toMatchObject({ file: { result: 'intact' }, arithmetic: { result: 'unsound' }, holds: false })
  })

  it('is not intact when the seal is of another, of nobody, or of a key that did not sign', async () => {
    expect((await forged((lines) => lines, other)).file).toMatchObject({ result: 'changed', text: expect.stringContaining(other.address) as string })
    expect((await forged((lines) => lines, null)).file).toMatchObject({ result: 'changed', text: expect.stringMatching(/the seal is of nobody/) as string })
    const posing = { ...other, address: signer.address, sign: (bytes: Uint8Array) => other.sign(bytes) }
    expect((await forged((lines) => lines, posing)).file).toMatchObject({
      result: 'changed',
      text: expect.stringMatching(/signature is not that of/) as string,
    })
  })
})

describe('answers that were changed', () => {
  const openings = (lines: string[]) => lines.flatMap((line, at) => (isOpening(line) ? [at] : []))
  const swapped = (lines: string[]) => {
    const [a = 0, b = 0] = openings(lines)
    return lines.map((line, i) => (i === a ? (lines[b] ?? '') : i === b ? (lines[a] ?? '') : line))
  }
  const bitten = (lines: string[]) =>
    replaced(lines, openings(lines)[3] ?? 0, (line) => line.replace(/"d":"(.)/, (_, first: string) => `"d":"${first === 'A' ? 'B' : 'A'}`))

  it.each<[string, (lines: string[]) => string[], string]>([
    ['one byte of a row', bitten, 'mismatch'],
    ['two openings that changed places', swapped, 'incomplete'],
    ['an opening that is missing', (lines) => lines.toSpliced(openings(lines)[5] ?? 0, 1), 'incomplete'],
    ['the last ones missing', (lines) => lines.filter((line) => !(saidBy(line)?.t === 'o' && line.includes('"g":1'))), 'incomplete'],
    ['a line that is no message', (lines) => replaced(lines, openings(lines)[2] ?? 0, (line) => `${line}!`), 'incomplete'],
    ['a tip that comes twice', (lines) => lines.toSpliced(3, 0, lines[3] ?? ''), 'incomplete'],
  ])('are seen, and what was concluded is wrong: %s', async (_, change, result) => {
    expect(await forged(change)).toMatchObject({ file: { result: 'intact' }, arithmetic: { result }, verdict: { result: 'wrong' }, holds: false })
  })
})

it('whatever is sealed, it ends in a report or is no bundle', { timeout: 240_000 }, async () => {
  const lines = honest.trimEnd().split('\n').slice(0, -1)
  const edit = fc.record({
    at: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: lines.length - 1 })),
    how: fc.constantFrom('gone', 'twice', 'cut', 'noise', 'value'),
    noise: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\n', '')),
    where: fc.integer({ min: 0, max: 300 }),
  })
  const apply = (text: string, { how, noise, where }: { how: string; noise: string; where: number }): string[] => {
    if (how === 'gone') return []
    if (how === 'twice') return [text, text]
    if (how === 'cut') return [text.slice(0, where)]
    if (how === 'noise') return [text.slice(0, where) + noise + text.slice(where)]
    return [text.replace(/:(\d+|"[^"]*"|null)/, `:${JSON.stringify(noise)}`)]
  }
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
      const changed = resealed(
        honest,
        () => lines.flatMap((line, i) => edits.filter(({ at }) => at === i).reduce<string[]>((all, e) => all.flatMap((l) => apply(l, e)), [line])),
        signer,
      )
      try {
        const report = await verified(changed)
        expect(JSON.stringify(report.arithmetic).length).toBeLessThan(1200)
        if (report.holds) expect(report.arithmetic.result).toBe('passed')
      } catch (error) {
        expect(error).toBeInstanceOf(Mistake)
      }
    }),
    { numRuns: 300 },
  )
})
