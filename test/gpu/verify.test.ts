import { randomBytes, randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Command, commandLine } from '../../node-agents/core/proof/commands.ts'
import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import { lineLimit, Lines } from '../../node-agents/core/proof/lines.ts'
import { checkSizes, type Sizes } from '../../node-agents/core/proof/sizes.ts'
import type { Transcript } from '../../node-agents/core/proof/transcript.ts'
import type { Verdict } from '../../node-agents/core/proof/verdict.ts'
import { Verifier } from '../../node-agents/core/proof/verify.ts'
import { type Message, readMessage } from '../../node-agents/core/proof/wire.ts'
import { at, SlowGpu } from '../support/pog.ts'
import { BARE, changedScript, Script, SCRIPT, pythonWithNumpy } from '../support/script.ts'

/** The script that runs on the GPU, on the CPU, against the verifier: all of the protocol but its clock. */

const found = await pythonWithNumpy()
if (!found) console.warn('\n!! NO Python with numpy: the script against the verifier is SKIPPED.\n')

const GPUS = 2
const SIZES: Sizes = { n: 256, K: 6, w: 16, f: 4, lanes: 8, r: 2, Q: 12 }

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'proof-test-'))))
afterAll(() => rm(folder, { recursive: true }))

type Told = Challenge & { nonces: Uint8Array[] }
const fresh = (sizes = SIZES): Told => ({ sizes, seed: randomBytes(32), nonces: Array.from({ length: GPUS }, () => randomBytes(32)) })

/** What a GPU is told as soon as it said this. */
const NEXT: Partial<Record<Message['t'], (told: Told, gpu: number) => Command>> = {
  tip: ({ sizes, nonces }, gpu) => ({ c: 'sweep', gpu, nonce: at(nonces, gpu), sizes }),
  swp: (_, gpu) => ({ c: 'roots', gpu }),
}
/** What all are told once all said this. */
const NEXT_FOR_ALL: Partial<Record<Message['t'], (told: Told) => Command>> = {
  hello: ({ sizes }) => ({ c: 'prep', sizes }),
  ready: ({ seed }) => ({ c: 'go', seed }),
  done: () => ({ c: 'quit' }),
}

/** Runs the script as the one says, and verifies it as the other does. */
async function prove(told: Told, verified = told, script = SCRIPT): Promise<{ verdict: Verdict; transcripts: Transcript[] }> {
  const { child, ended } = new Script(found ?? '', ['serve', '--device', 'cpu', '--gpus', String(GPUS)], {}, script)
  const send = (command: Command | undefined) => command && child.stdin.write(commandLine(command))
  const verifier = new Verifier(verified, GPUS)
  const parts = Array.from({ length: GPUS }, (): Transcript => ({ tip: NONE, roots: NONE, swp: NONE, swr: NONE }))
  const said = new Map<string, number>()
  const take = (message: Message) => {
    const { t } = message
    if (t === 'error') throw new Error(message.m)
    if (t === 'pong') return
    if (t === 'tip' || t === 'swp') at(parts, message.g)[t] = message.h
    if (t === 'roots') at(parts, message.g)[t] = message.d
    if (t === 'swr') at(parts, message.g)[t] = message.root
    if (t === 'swr') {
      const request = verifier.commit(message.g, at(verified.nonces, message.g), at(parts, message.g))
      if (request) send({ c: 'open', gpu: message.g, request })
    }
    if (t === 'o') verifier.take(message.g, message.k, message.d)
    if (t === 'done') verifier.done(message.g)
    send(NEXT[t]?.(told, message.g))
    said.set(t, (said.get(t) ?? 0) + 1)
    if (said.get(t) === GPUS) send(NEXT_FOR_ALL[t]?.(told))
  }
  const lines = new Lines(lineLimit(told.sizes))
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of lines.push(chunk)) take(readMessage(line))
  })
  await ended
  return { verdict: verifier.verdict(), transcripts: parts }
}
const NONE = Buffer.alloc(0)

/** Sizes that nobody thought of. */
function someSizes(): Sizes {
  const pick = <T>(...list: T[]): T => at(list, randomInt(list.length))
  const n = pick(32, 64, 128)
  const f = pick(1, 2, 4, 8)
  const w = pick(...Array.from({ length: n / 4 / f }, (_, i) => i + 1).filter((w) => (w * f) % 4 === 0))
  const K = randomInt(1, 9)
  const sizes = { n, K, w, f, lanes: randomInt(1, 13), r: randomInt(1, K + 1), Q: randomInt(1, 20) }
  checkSizes(sizes)
  return sizes
}

describe.skipIf(!found)('the script against the verifier', () => {
  it('passes, on all GPUs, through every message', async () => {
    const { verdict } = await prove(fresh())
    expect(verdict.text).toBe(`all ${GPUS} GPUs passed`)
    expect(verdict.gpus).toEqual([0, 1].map((gpu) => ({ gpu, result: 'passed', chain: 64, sweep: 32 })))
  })

  it.each(['seed', 'nonces'] as const)('with another %s does not', async (what) => {
    const told = fresh()
    const { verdict } = await prove(told, { ...told, [what]: fresh()[what] })
    expect(verdict.gpus).toMatchObject(
      [0, 1].map((gpu) => ({ gpu, result: 'mismatch', mismatch: { gpu, check: expect.stringMatching(/^(row|group|start|sweep)$/) } })),
    )
  })

  it('with the nonce of its neighbour does not', async () => {
    const told = fresh()
    const { verdict } = await prove(told, { ...told, nonces: told.nonces.toReversed() })
    expect(verdict.gpus.map(({ result }) => result)).toEqual(['mismatch', 'mismatch'])
  })

  it.each([
    ['numpy', async () => SCRIPT],
    ['Python alone', () => changedScript(folder, ...BARE)],
  ])('by %s, makes what the reference makes, in sizes that nobody thought of', { timeout: 120_000 }, async (_, script) => {
    for (let round = 0; round < 5; round++) {
      const told = fresh(someSizes())
      const { verdict, transcripts } = await prove(told, told, await script())
      for (const [gpu, transcript] of transcripts.entries()) {
        const slow = new SlowGpu(told, gpu).sweep(at(told.nonces, gpu))
        expect({ sizes: told.sizes, gpu, ...hex(transcript) }).toEqual({ sizes: told.sizes, gpu, ...hex(slow.transcript) })
      }
      expect(verdict.text).toBe(`all ${GPUS} GPUs passed`)
    }
  })
})

const hex = (transcript: Transcript) => Object.fromEntries(Object.entries(transcript).map(([part, bytes]) => [part, Buffer.from(bytes).toString('hex')]))
