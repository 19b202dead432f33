import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Command, commandLine } from '../../node-agents/core/proof/commands.ts'
import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import { lineLimit, Lines } from '../../node-agents/core/proof/lines.ts'
import type { Transcript } from '../../node-agents/core/proof/transcript.ts'
import type { Verdict } from '../../node-agents/core/proof/verdict.ts'
import { Verifier } from '../../node-agents/core/proof/verify.ts'
import { type Message, readMessage } from '../../node-agents/core/proof/wire.ts'
import { Proof, pythonWithNumpy } from '../support/proof.ts'

/** The script that runs on the GPU, on the CPU, against the verifier: all of the protocol but its clock. */

const found = await pythonWithNumpy()
if (!found) console.warn('\n!! NO Python with numpy: the script against the verifier is SKIPPED.\n')

const GPUS = 2
const SIZES = { n: 256, K: 6, w: 16, f: 4, lanes: 8, r: 2, Q: 12 }
const fresh = (): Challenge => ({ sizes: SIZES, seed: randomBytes(32), nonce: randomBytes(32) })

/** What comes next, once all GPUs said the one message that ends a phase. */
const AFTER: Partial<Record<Message['t'], (told: Challenge) => Command>> = {
  hello: ({ sizes }) => ({ c: 'prep', sizes }),
  ready: ({ seed }) => ({ c: 'go', seed }),
  roots: ({ nonce, sizes }) => ({ c: 'sweep', nonce, sizes }),
  done: () => ({ c: 'quit' }),
}

/** Runs the script as the first challenge says, and verifies it as the second does. */
async function verdictOf(told: Challenge, verified: Challenge = told): Promise<Verdict> {
  const { child, ended } = new Proof(found ?? '', ['serve', '--device', 'cpu', '--gpus', String(GPUS)])
  const send = (command: Command) => child.stdin.write(commandLine(command))
  const verifier = new Verifier(verified, GPUS)
  const committed = Array.from({ length: GPUS }, (): Partial<Transcript> => ({}))
  const heard = new Map<string, number>()
  const take = (message: Message) => {
    if (message.t === 'error') throw new Error(message.m)
    if (message.t === 'tip') Object.assign(committed[message.g] ?? {}, { tip: message.root })
    if (message.t === 'roots' || message.t === 'swp') Object.assign(committed[message.g] ?? {}, { [message.t]: message.d })
    if (message.t === 'swr') {
      const { tip = message.root, roots = tip, swp = tip } = committed[message.g] ?? {}
      const request = verifier.commit(message.g, { tip, roots, swp, swr: message.root })
      if (request) send({ c: 'open', gpu: message.g, request })
    }
    if (message.t === 'o') verifier.take(message.g, message.k, message.d)
    if (message.t === 'done') verifier.done(message.g)
    const times = (heard.get(message.t) ?? 0) + 1
    heard.set(message.t, times)
    const next = AFTER[message.t]
    if (next && times === GPUS) send(next(told))
  }
  const lines = new Lines(lineLimit(SIZES))
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of lines.push(chunk)) take(readMessage(line))
  })
  await ended
  return verifier.verdict()
}

describe.skipIf(!found)('the script against the verifier', () => {
  it('passes, on all GPUs, through every message', async () => {
    const verdict = await verdictOf(fresh())
    expect(verdict.text).toBe(`all ${GPUS} GPUs passed`)
    expect(verdict.gpus).toEqual([0, 1].map((gpu) => ({ gpu, result: 'passed', chain: 64, sweep: 16 })))
  })

  it.each([
    ['seed', 'row'],
    ['nonce', 'start'],
  ] as const)('of another %s does not', async (what, check) => {
    const told = fresh()
    const { gpus } = await verdictOf(told, { ...told, [what]: randomBytes(32) })
    expect(gpus.map(({ result }) => result)).toEqual(['mismatch', 'mismatch'])
    expect(gpus[0]).toMatchObject({ mismatch: { gpu: 0, check } })
  })
})
