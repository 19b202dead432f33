import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realClock } from '../../node-agents/core/clock.ts'
import { commitment } from '../../node-agents/core/proof/session/commitment.ts'
import { runSession } from '../../node-agents/core/proof/session/run.ts'
import type { Heard, Hooks, Task } from '../../node-agents/core/proof/session/types.ts'
import { pipeOf, pipeTo } from '../support/pipe.ts'
import { Script, pythonWithNumpy } from '../support/script.ts'
import { FakeProver } from '../support/fake-prover.ts'

/** Whole sessions with honest provers: one in this process, and the real script in one of its own. */

const python = await pythonWithNumpy()
const TASK: Task = { gpus: 2, sizes: { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 2, Q: 12 }, chainMs: 20_000, sweepMs: 20_000 }
const seed = Buffer.alloc(32, 7)

let scratch: string
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'session-test-'))))
afterEach(() => rm(scratch, { recursive: true }))

/** Hooks that remember. */
function remember(): Hooks & { lines: Heard[]; digests: string[] } {
  const lines: Heard[] = []
  const digests: string[] = []
  return { lines, digests, go: async () => seed, committed: async (digest) => void digests.push(digest), heard: (line) => void lines.push(line) }
}

const still = new AbortController().signal

describe('an honest prover', () => {
  it.each([1, 2, 8])('of %i GPUs passes', async (gpus) => {
    const hooks = remember()
    const task = { ...TASK, gpus }
    const result = await runSession(pipeTo(new FakeProver(gpus, TASK.sizes)), task, hooks, { clock: realClock, signal: still })
    expect(result).toMatchObject({ ended: 'complete', phase: 'open', text: `all ${gpus} GPUs passed`, seed, verdict: { result: 'passed', fault: null } })
    expect(result.times.map(({ gpu }) => gpu)).toEqual(Array.from({ length: gpus }, (_, g) => g))
    for (const { chainMs, sweepMs } of result.times) expect(Math.min(chainMs, sweepMs)).toBeGreaterThan(0)
    expect(result.claims[0]).toEqual({ gpu: 0, name: 'a GPU', mem: 80_000_000_000, torch: 'none', engine: 'slow' })
    expect(result.committed).toHaveLength(gpus)
    expect(new Set(result.committed.map(({ nonce }) => Buffer.from(nonce).toString('hex'))).size).toBe(gpus)
    expect(hooks.digests).toEqual([commitment(TASK.sizes, seed, result.committed)])
    expect(result.bytes.in).toBeGreaterThan(result.bytes.out)
  })

  it('lets no GPU sweep before all have their states: one GPU could else play several, one after the other', async () => {
    const hooks = remember()
    await runSession(pipeTo(new FakeProver(3, TASK.sizes)), { ...TASK, gpus: 3 }, hooks, { clock: realClock, signal: still })
    const kinds = hooks.lines.map(({ from, line }) => [from, ...(/"[ct]":"\w+"/.exec(line) ?? [])].join(' '))
    expect(kinds.slice(1, 7)).toEqual([...Array<string>(3).fill('host "t":"tip"'), ...Array<string>(3).fill('us "c":"sweep"')])
  })

  it('is heard line by line, in order, from go on', async () => {
    const hooks = remember()
    await runSession(pipeTo(new FakeProver(1, TASK.sizes)), { ...TASK, gpus: 1 }, hooks, { clock: realClock, signal: still })
    const kinds = hooks.lines.map(({ from, line }) => {
      const { c, t } = JSON.parse(line) as { c?: string; t?: string }
      return `${from} ${c ?? t}`
    })
    const once = kinds.filter((kind, i) => kind !== kinds[i - 1])
    expect(once).toEqual(['us go', 'host tip', 'us sweep', 'host swp', 'us roots', 'host roots', 'host swr', 'us open', 'host o', 'host done'])
    expect(hooks.lines[0]).toEqual({ from: 'us', atMs: 0, line: `{"c":"go","seed":"${seed.toString('hex')}"}` })
    expect(hooks.lines.map(({ atMs }) => atMs)).toEqual(hooks.lines.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
  })
})

describe.skipIf(!python)('the script itself', () => {
  it.each([1, 3])('with %i GPUs, in a process of its own, passes and ends', async (gpus) => {
    const args = ['serve', '--device', 'cpu', '--gpus', String(gpus)]
    const proof = new Script(python ?? '', args, { TMPDIR: scratch })
    try {
      const result = await runSession(pipeOf(proof.child), { ...TASK, gpus }, remember(), { clock: realClock, signal: still })
      expect(result).toMatchObject({ ended: 'complete', text: gpus === 1 ? 'all 1 GPUs passed' : `all ${gpus} GPUs passed`, verdict: { result: 'passed' } })
      expect(await proof.ended).toMatchObject({ code: 0 })
      expect(await readdir(scratch)).toEqual([])
    } finally {
      proof.child.kill('SIGKILL')
    }
  })
})
