import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BARE, changedScript, type Line, Script, SCRIPT, pythonWithNumpy } from '../support/script.ts'

/** The script that runs on the GPU, on the CPU: known answers over its own pipes. */

const found = await pythonWithNumpy()
if (!found) console.warn('\n!! NO Python with numpy: the script of the proof of GPU is SKIPPED.\n')
const python = found ?? ''

type Chain = Record<'gpu' | 'n' | 'K' | 'w' | 'f' | 'lanes' | 'r' | 'Q', number> &
  Record<'seed' | 'nonce' | 'last' | 'swept' | 'swr', string> & { first: number[]; roots: string[]; clocks: string[] }
const vectors = JSON.parse(await readFile(new URL('../vectors/pog.json', import.meta.url), 'utf8')) as { seed: string; chains: Chain[] }

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'proof-test-'))))

const changed = (...words: [string, string][]) => changedScript(folder, ...words)

const started: Script[] = []
function start(args: string[], file = SCRIPT): Script {
  const proof = new Script(python, args, {}, file)
  started.push(proof)
  return proof
}
afterEach(async () => {
  await rm(folder, { recursive: true })
  for (const proof of started.splice(0)) {
    proof.child.kill()
    await proof.ended
  }
})

const bytes = ({ d }: Line) => Buffer.from(d ?? '', 'base64')
const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

/** Where a leaf and its path lead. */
function climb(leaf: Buffer, index: number, path: Buffer): string {
  let node = sha(Buffer.of(0), leaf)
  for (let at = 0, i = index; at < path.length; at += 32, i >>= 1) {
    const beside = path.subarray(at, at + 32)
    node = i & 1 ? sha(Buffer.of(1), beside, node) : sha(Buffer.of(1), node, beside)
  }
  return node.toString('hex')
}

async function opened(proof: Script, g: number, rows: number[][], u: number[][]): Promise<Buffer[]> {
  proof.send({ c: 'open', g, rows, u })
  const lines: Line[] = []
  for (let k = 0; k < rows.length + u.length; k++) lines.push(await proof.next('o', g))
  await proof.next('done', g)
  expect(lines.map(({ k }) => k)).toEqual(lines.map((_, k) => k))
  return lines.map(bytes)
}

/** One whole proof of a GPU, as far as the openings. */
async function prove(proof: Script, { gpu: g, seed, nonce, n, K, w, f, lanes, r, Q }: Chain, engine: string) {
  proof.send({ c: 'prep', g, n, K, w, f, engine }, { c: 'go', g, seed }, { c: 'sweep', g, nonce, lanes, r, Q }, { c: 'roots', g })
  const ready = await proof.next('ready', g)
  const clocks = [(await proof.next('tip', g)).h, (await proof.next('swp', g)).h]
  return {
    ready,
    clocks,
    roots: bytes(await proof.next('roots', g)),
    swr: (await proof.next('swr', g)).root ?? '',
  }
}

describe.skipIf(!found)('known answers', () => {
  it('are given by five GPUs under one parent, and every opening leads to its root', { timeout: 180_000 }, async () => {
    const proof = start(['serve', '--device', 'cpu', '--gpus', '5'])
    for (const chain of vectors.chains.filter(({ n }) => n <= 1024)) {
      // A larger one takes plain BLAS most of a minute.
      const { gpu, n, K, w, f, lanes, Q } = chain
      const { clocks, roots, swr } = await prove(proof, chain, 'auto')
      expect({ clocks, swr }).toEqual({ clocks: chain.clocks, swr: chain.swr })
      expect(roots.toString('hex')).toBe(chain.roots.join(''))

      const every = n <= 256 ? Array.from({ length: n }, (_, i) => [K, i]) : [[K, n - 1]]
      const all = await opened(
        proof,
        gpu,
        [[1, 0], ...every],
        Array.from({ length: lanes }, (_, l) => [Q, l]),
      )
      const [first, ...rows] = all.slice(0, 1 + every.length)
      expect([...new Int8Array(first?.subarray(0, 8) ?? [])]).toEqual(chain.first)
      for (const [k, row] of rows.entries()) {
        const group = n + 4 * w * f
        const leads = climb(row.subarray(group, group + 4 * w), Math.floor((every[k]?.[1] ?? 0) / f), row.subarray(group + 4 * w))
        expect(leads).toBe(chain.roots.at(-1))
      }
      if (every.length === n) expect(sha(...rows.map((row) => row.subarray(0, n))).toString('hex')).toBe(chain.last)
      const us = all.slice(1 + every.length)
      expect(sha(...us.map((row) => row.subarray(0, n))).toString('hex')).toBe(chain.swept)
      for (const [l, row] of us.entries()) expect(climb(row.subarray(0, n), Q * lanes + l, row.subarray(n))).toBe(swr)
    }
    expect(proof.rest.map(({ t }) => t)).toEqual(Array(5).fill('hello'))
  })

  it.each(['f32', 'f64', 'i8'])('are the same by engine %s', async (engine) => {
    const proof = start(['serve', '--device', 'cpu'])
    for (const chain of vectors.chains.filter(({ gpu, n }) => gpu === 0 && n <= 256)) {
      const { ready, roots, swr } = await prove(proof, chain, engine)
      expect(ready).toEqual({ t: 'ready', g: 0, engine })
      expect({ roots: roots.toString('hex'), swr }).toEqual({ roots: chain.roots.join(''), swr: chain.swr })
    }
  })

  it('are the same when all is made in pieces, as what is too large for one is', async () => {
    const pieces = await changed(['ROWS_AT_ONCE = 4096', 'ROWS_AT_ONCE = 32'], ['STEPS_AT_ONCE = 16', 'STEPS_AT_ONCE = 3'])
    const proof = start(['serve', '--device', 'cpu'], pieces)
    for (const chain of vectors.chains.filter(({ gpu, n }) => gpu === 0 && n >= 256)) {
      expect((await prove(proof, chain, 'auto')).clocks).toEqual(chain.clocks)
    }
  })

  it('are given by another engine where one calculates wrong', async () => {
    const off: [string, string] = ['.T)).astype(self.np.int32)', '.T)).astype(self.np.int32) + (engine == "f32")']
    const proof = start(['serve', '--device', 'cpu'], await changed(off))
    const [chain] = vectors.chains
    if (!chain) throw new Error('no vectors')
    const { ready, clocks } = await prove(proof, chain, 'auto')
    expect({ engine: ready.engine, clocks }).toEqual({ engine: 'f64', clocks: chain.clocks })
    expect(await proof.next('warn')).toEqual({ t: 'warn', g: 0, e: 'f32', m: 'its results are not exact' })
    proof.send({ c: 'prep', n: 64, K: 4, w: 4, f: 4, engine: 'f32' })
    expect(await proof.next('error')).toEqual({ t: 'error', g: 0, m: 'its results are not exact' })
  })

  it('are not given by one that is wrong only where it reads states', async () => {
    const off: [string, string] = ['.T)).astype(self.np.int32)', '.T)).astype(self.np.int32) + (engine == "f32" and a.shape != b.shape)']
    const proof = start(['serve', '--device', 'cpu'], await changed(off))
    proof.send({ c: 'prep', n: 64, K: 4, w: 4, f: 4, engine: 'f32' })
    expect(await proof.next('warn')).toEqual({ t: 'warn', g: 0, e: 'f32', m: 'its results are not exact' })
    expect(await proof.next('error')).toEqual({ t: 'error', g: 0, m: 'no engine reads states exactly here' })
  })

  it('a line without a GPU is for all of them, and a ping is answered once', async () => {
    const proof = start(['--mode', 'serve', '--device', 'cpu', '--gpus', '2'])
    const sweep = { c: 'sweep', nonce: vectors.seed, lanes: 8, r: 2, Q: 6 }
    proof.send({ c: 'ping', n: '0123456789abcdef' }, { c: 'prep', n: 64, K: 4, w: 4, f: 4, engine: 'auto' }, { c: 'go', seed: vectors.seed })
    const tips = [await proof.next('tip', 0), await proof.next('tip', 1)]
    expect(tips[0]?.h).toBe(vectors.chains[0]?.clocks[0])
    expect(tips[1]?.h).not.toBe(tips[0]?.h)
    expect(await proof.next('pong')).toEqual({ t: 'pong', n: '0123456789abcdef' })
    proof.send({ ...sweep, g: 1 }, { c: 'roots', g: 1 })
    await proof.next('swr', 1)
    expect(proof.rest.filter(({ g }) => g === 0).map(({ t }) => t)).toEqual(['hello', 'ready'])
    proof.send({ ...sweep, g: 0 }, { c: 'roots', g: 0 })
    expect(await proof.next('swp', 0)).not.toEqual(await proof.next('swp', 1))
    for (const g of [0, 1]) await proof.next('roots', g)
    await proof.next('swr', 0)
    expect(new Set(proof.rest.map(({ t }) => t))).toEqual(new Set(['hello', 'ready']))
    proof.send({ c: 'quit' })
    expect(await proof.ended).toMatchObject({ code: 0 })
  })
})

/** Whole numbers have the same bits at any n, and make no haste: n=1024 would take them most of a minute. */
const upTo256: [string, string] = ['for case in CHAINS:', 'for case in CHAINS[: 2 if engine == "i8" else 3]:']

describe.skipIf(!found)('by hand', () => {
  it('info says one line on each GPU', async () => {
    const proof = start(['info', '--device', 'cpu', '--gpus', '2'])
    const hello = { t: 'hello', v: 2, torch: expect.any(String), name: 'cpu', mem: 0 }
    expect(await proof.ended).toMatchObject({ code: 0 })
    expect(proof.rest.toSorted((a, b) => (a.g ?? 0) - (b.g ?? 0))).toEqual([
      { ...hello, g: 0 },
      { ...hello, g: 1 },
    ])
  })

  it('a GPU that is not there is said to be missing, in a line', async () => {
    const proof = start(['info', '--device', 'cuda'])
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(proof.rest).toEqual([{ t: 'error', g: 0, m: 'no torch that finds a GPU' }])
    expect(proof.err).not.toContain('Traceback')
  })

  it('a Python without numpy and torch knows the answers too', async () => {
    const proof = start(['selftest', '--device', 'cpu'], await changed(...BARE, upTo256))
    expect(await proof.ended).toMatchObject({ code: 0 })
    expect(proof.rest).toMatchObject([{ t: 'selftest', g: 0, ok: true, engines: { 'python i8': { ok: true, wrong: [] } } }])
    expect(proof.err).toContain('no_numpy')
  })

  it('one that is too old says so, and nothing else', async () => {
    const proof = start(['selftest', '--device', 'cpu'], await changed(['sys.version_info < (3, 9)', 'sys.version_info < (9, 9)']))
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(proof.err).toMatch(/^proof\.py needs Python 3\.9 or newer, and this is 3\.\d+\n$/)
  })

  it('and says what it is too slow for', async () => {
    const proof = start(['serve', '--device', 'cpu'], await changed(...BARE))
    const prep = { c: 'prep', n: 64, K: 4, w: 4, f: 4, engine: 'auto' }
    proof.send({ ...prep, n: 2048 }, { ...prep, engine: 'f32' }, prep)
    expect((await proof.next('hello')).torch).toMatch(/^python 3\.\d+/)
    expect((await proof.next('error')).m).toBe('n: at most 1024 in a Python that has neither numpy nor torch')
    expect((await proof.next('error')).m).toBe('not on this device')
    expect((await proof.next('ready')).engine).toBe('i8')
  })

  // All of it, as it is, is what test/trial*.test.ts run.
  it('selftest passes', { timeout: 180_000 }, async () => {
    const proof = start(['selftest', '--device', 'cpu'], await changed(upTo256))
    expect(await proof.ended).toMatchObject({ code: 0 })
    const result = { ok: true, wrong: [] }
    expect(proof.rest).toMatchObject([{ t: 'selftest', g: 0, ok: true, engines: { 'numpy f32': result, 'numpy f64': result, 'numpy i8': result } }])
  })

  it.each([
    ['a word', '2182555568', '2182555569', 'words of W'],
    ['a state', '(13, 29, 2', '(13, 29, 3', 'S_1 at n=64'],
    ['a root', 'c9a977b32d5c', 'c9a977b32d5d', 'root of S_K at n=64'],
    ['a sweep', '6ee793c57c83', '6ee793c57c84', 'U_Q at n=64'],
  ])('selftest fails over %s that is not as known', async (_, known, other, wrong) => {
    const file = await changed([known, other], ['for case in CHAINS:', 'for case in CHAINS[:1]:'])
    const proof = start(['selftest', '--device', 'cpu'], file)
    expect(await proof.ended).toMatchObject({ code: 1 })
    expect(proof.rest).toMatchObject([{ t: 'selftest', ok: false, engines: { 'numpy f32': { ok: false, wrong: [wrong] } } }])
  })

  it('bench gives its figures in one line', async () => {
    const proof = start(['bench', '--device', 'cpu', '--n', '64', '--K', '4'])
    expect(await proof.ended).toMatchObject({ code: 0 })
    const some = expect.any(Number)
    expect(proof.rest).toMatchObject([
      {
        t: 'bench',
        n: 64,
        K: 4,
        chain_tops: [some, some, some],
        tree_ms: some,
        sweep_gbs: { 'lanes=8 r=4 tall': some, 'lanes=8 r=4 wide': some },
        gemm_tops: { i8: some },
      },
    ])
  })
})
