import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRunning, Script, SCRIPT, pythonWithNumpy } from '../support/script.ts'
import { until } from '../support/until.ts'

/** The script of the proof under bad input, and how it ends. What it misses is said once, in proof.test.ts. */

const found = await pythonWithNumpy()
const python = found ?? ''

const SEED = '00'.repeat(32)
const PREP = { c: 'prep', n: 64, K: 4, w: 4, f: 4, engine: 'auto' }
const GO = { c: 'go', seed: SEED }
const SWEEP = { c: 'sweep', nonce: SEED, lanes: 8, r: 2, Q: 6 }
const ROOTS = { c: 'roots' }
/** Work that outlasts any test: it is ended in the middle. */
const LONG = [{ ...PREP, n: 512, K: 1200, w: 32 }, GO]

const many = (count: number) => Array.from({ length: count }, () => [1, 1])

let scratch: string
let proof: Script
const start = (gpus: number) => (proof = new Script(python, ['serve', '--device', 'cpu', '--gpus', String(gpus)], { TMPDIR: scratch }))

beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'proof-test-'))))
afterEach(async () => {
  proof.child.kill('SIGKILL')
  await proof.ended
  await rm(scratch, { recursive: true })
})

/** The answer to one command, and that the script goes on. */
async function refused(command: object | string): Promise<string> {
  if (typeof command === 'string') proof.raw(`${command}\n`)
  else proof.send(command)
  const { m } = await proof.next('error')
  return m ?? ''
}

describe.skipIf(!found)('bad input is refused in a line, and changes nothing', () => {
  it('what is no command', async () => {
    start(1)
    for (const text of ['', '{', 'null', '[]', '"go"', '7', '{"c":"ping","n":NaN}', '['.repeat(60_000), '\u0000', '{"c":"go"} {"c":"go"}'])
      expect(await refused(text)).toMatch(/^not a (line of JSON|JSON object)$/)
    for (const command of [{}, { c: 'eval' }, { c: null }, { c: ['go'] }, { c: 'hello' }]) expect(await refused(command)).toMatch(/^c: one of ping, prep/)
    for (const n of ['', '00', 'x'.repeat(16), 7, null]) expect(await refused({ c: 'ping', n })).toBe('n: 8 bytes in lower-case hex')
    for (const g of [-1, 1, 0.5, '0', true, null, 2 ** 60]) expect(await refused({ ...PREP, g })).toBe('g: a whole number from 0 to 0')
    proof.send(PREP)
    expect(await proof.next('ready')).toMatchObject({ g: 0 })
  })

  it('sizes that are too large, or fit nothing', async () => {
    start(1)
    const wrong = [
      ...[0, 1e9, 2 ** 70, 1.5, '4', true, null, [4]].map((K) => ({ K })),
      ...[0, 31, 96, 65_536, -64, 1e300].map((n) => ({ n })),
      ...[0, 5, 8, 2048].map((w) => ({ w })),
      ...[0, 3, 128].map((f) => ({ f })),
      ...['fp8', 7, '__import__', null].map((engine) => ({ engine })),
    ]
    for (const over of wrong) expect(await refused({ ...PREP, ...over })).toMatch(/^(n|K|w|f|n and f|w times f|engine): /)
    expect(await refused({ ...PREP, n: 32768, K: 1500, w: 256 })).toMatch(/^not enough memory: K=1500 states of n=32768 need 16\d\d\.\d\d GB in all, /)
    expect(await refused({ ...PREP, engine: 'tf32' })).toBe('not on this device')
    expect(await proof.next('warn')).toEqual({ t: 'warn', g: 0, e: 'tf32', m: 'not on this device' })
    proof.send(PREP, GO)
    await proof.next('tip')
  })

  it('commands out of order', async () => {
    start(1)
    const disorder = expect.stringMatching(/^out of order: /)
    const open = { c: 'open', rows: [[1, 0]], u: [] }
    for (const command of [GO, SWEEP, ROOTS, open]) expect(await refused(command)).toEqual(disorder)
    proof.send(PREP)
    await proof.next('ready')
    for (const command of [SWEEP, ROOTS, open]) expect(await refused(command)).toEqual(disorder)
    proof.send(GO)
    const { h } = await proof.next('tip')
    for (const command of [GO, ROOTS, open]) expect(await refused(command)).toEqual(disorder)
    proof.send(SWEEP)
    await proof.next('swp')
    for (const command of [GO, SWEEP, open]) expect(await refused(command)).toEqual(disorder)
    proof.send(ROOTS)
    await proof.next('swr')
    for (const command of [GO, SWEEP, ROOTS]) expect(await refused(command)).toEqual(disorder)
    proof.send(PREP, GO)
    expect((await proof.next('tip')).h).toBe(h)
  })

  it('more rows of a sweep than any card would keep', async () => {
    start(1)
    proof.send({ ...PREP, n: 1024, K: 1 }, GO)
    await proof.next('tip')
    expect(await refused({ ...SWEEP, lanes: 64, r: 1, Q: 65_536 })).toBe('lanes and Q: rows of at most 2147483648 bytes in all')
    proof.send({ ...SWEEP, r: 1 })
    await proof.next('swp')
  })

  it('seeds, steps and openings that are not there', async () => {
    start(1)
    proof.send(PREP)
    for (const seed of ['', SEED.slice(1), `${SEED}0`, SEED.replaceAll('0', 'A'), `${SEED}\n`, 0])
      expect(await refused({ c: 'go', seed })).toMatch(/^seed: 32 bytes/)
    proof.send(GO)
    for (const over of [{ r: 0 }, { r: 5 }, { Q: 0 }, { Q: 1e6 }, { lanes: 0 }, { lanes: 65 }, { nonce: 'x' }])
      expect(await refused({ ...SWEEP, ...over })).toMatch(/^(r|Q|lanes|nonce): /)
    proof.send(SWEEP, ROOTS)
    const far = [[[0, 0]], [[5, 0]], [[1, 64]], [[1, -1]], [[1]], [[1, 1, 1]], [1, 1], [['1', 1]], [[1, 0.5]], [[true, 1]], 'all', null, many(2049)]
    for (const rows of far) expect(await refused({ c: 'open', rows, u: [] })).toMatch(/^rows: /)
    for (const u of [[[7, 0]], [[0, 8]], [[-1, 0]], [[0, 0], 7]]) expect(await refused({ c: 'open', rows: [], u })).toMatch(/^u: /)
    proof.send({ c: 'open', rows: [[4, 63]], u: [[6, 7]] })
    await proof.next('done')
  })
})

describe.skipIf(!found)('what lies around', () => {
  /** Ends at once whatever imports it, as loudly as it can. */
  const trap = 'import os; os.write(1, b"a trap\\n"); os._exit(7)\n'
  const names = ['numpy', 'torch', 'json', 'select', 'argparse', 'hashlib', 'base64', 'struct', 'subprocess', 'operator']

  it('beside the script is no library', async () => {
    for (const name of names) await writeFile(join(scratch, `${name}.py`), trap)
    await mkdir(join(scratch, 'tmp'))
    await copyFile(SCRIPT, join(scratch, 'proof.py'))
    const before = await readdir(scratch, { recursive: true })
    proof = new Script(python, ['info', '--device', 'cpu'], { TMPDIR: join(scratch, 'tmp') }, join(scratch, 'proof.py'))
    expect(await proof.next('hello')).toMatchObject({ torch: expect.stringMatching(/^numpy /) })
    expect(await proof.ended).toMatchObject({ code: 0 })
    expect((await readdir(scratch, { recursive: true })).toSorted()).toEqual(before.toSorted())
  })

  it('in the environment changes nothing', async () => {
    await writeFile(join(scratch, 'startup.py'), trap)
    const hostile = {
      PYTHONINSPECT: '1',
      PYTHONSTARTUP: join(scratch, 'startup.py'),
      PYTHONOPTIMIZE: '2',
      PYTHONWARNINGS: 'error',
      PYTHONUNBUFFERED: '1',
      PYTHONVERBOSE: '1',
      PYTHONPYCACHEPREFIX: scratch,
      PYTHONIOENCODING: 'utf-16',
      LC_ALL: 'none',
      HOME: '/nowhere',
      COLUMNS: 'x',
      TMPDIR: '/nowhere',
    }
    proof = new Script(python, ['serve', '--device', 'cpu'], hostile)
    proof.send(PREP, GO, SWEEP, ROOTS)
    await proof.next('swr')
    proof.send({ c: 'quit' })
    expect(await proof.ended).toEqual({ code: 0, signal: null })
    expect(await readdir(scratch)).toEqual(['startup.py'])
  })
})

describe.skipIf(!found)('it ends, and its GPUs with it', () => {
  /** Two GPUs at work. @returns all processes there are */
  async function atWork(): Promise<number[]> {
    start(2)
    proof.send(...LONG)
    await proof.next('ready', 0)
    await proof.next('ready', 1)
    const gpus = await proof.children()
    expect(gpus).toHaveLength(2)
    return gpus
  }
  const gone = (pids: number[]) => until('no process of a GPU is left', async () => !(await Promise.all(pids.map(isRunning))).includes(true))

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('on %s', async (signal) => {
    const gpus = await atWork()
    proof.child.kill(signal)
    expect(await proof.ended).toEqual({ code: { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal], signal: null })
    expect(await Promise.all(gpus.map(isRunning))).toEqual([false, false])
    expect(await readdir(scratch)).toEqual([])
  })

  it('on kill -9, which it cannot see', async () => {
    const gpus = await atWork()
    proof.child.kill('SIGKILL')
    await gone(gpus)
  })

  it('when its stdin is closed', async () => {
    const gpus = await atWork()
    proof.child.stdin.end()
    expect(await proof.ended).toMatchObject({ code: 0 })
    expect(await Promise.all(gpus.map(isRunning))).toEqual([false, false])
    expect(await readdir(scratch)).toEqual([])
  })

  it('when nobody reads its stdout any more', async () => {
    const gpus = await atWork()
    proof.child.stdout.destroy()
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(await Promise.all(gpus.map(isRunning))).toEqual([false, false])
    expect(await readdir(scratch)).toEqual([])
  })

  it.each([
    ['an endless line', 'x'.repeat(1 << 20)],
    ['a line that is too long', `${JSON.stringify({ c: 'ping', n: '0'.repeat(16), more: 'x'.repeat(1 << 16) })}\n`],
  ])('over %s', async (_, text) => {
    start(1)
    await proof.next('hello')
    proof.raw(text)
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(proof.rest).toEqual([{ t: 'error', m: 'a line of more than 65536 bytes' }])
  })

  it('over commands without end', async () => {
    await atWork()
    proof.raw(`${JSON.stringify({ c: 'open', rows: many(8000), u: [] })}\n`.repeat(20))
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(proof.rest.at(-1)).toEqual({ t: 'error', m: 'too many commands wait for an answer' })
  })

  it('a GPU whose process dies is named, and the others go on', async () => {
    start(2)
    await Promise.all([proof.next('hello', 0), proof.next('hello', 1)])
    const [, second] = await proof.children()
    process.kill(second ?? 0, 'SIGKILL')
    expect(await proof.next('error', 1)).toMatchObject({ m: 'the process of GPU 1 ended (signal 9)' })
    proof.send(PREP)
    expect(await proof.next('error', 1)).toMatchObject({ m: 'the process of GPU 1 is gone' })
    await proof.next('ready', 0)
    proof.send({ c: 'quit' })
    expect(await proof.ended).toMatchObject({ code: 1 })
  })
})
