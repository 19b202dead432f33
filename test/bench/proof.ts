import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { Freivalds } from '../../node-agents/core/proof/freivalds.ts'
import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import { Lines, lineLimit } from '../../node-agents/core/proof/lines.ts'
import { checksPerGpu, drawSample } from '../../node-agents/core/proof/sample.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import type { Transcript } from '../../node-agents/core/proof/transcript.ts'
import type { Verdict } from '../../node-agents/core/proof/verdict.ts'
import { Verifier } from '../../node-agents/core/proof/verify.ts'
import { readMessage } from '../../node-agents/core/proof/wire.ts'
import { reason } from '../../node-agents/core/mistake.ts'
import { fixedRandom, matrix } from '../support/pog.ts'
import { pythonWithNumpy } from '../support/script.ts'
import { type Bench, type Figure, median, round, timed } from './measure.ts'
import { contrive } from './proof.machine.ts'

const SIZES: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }
const GPUS = 8
const RUNS = 20
/** About what SSH hands on at a time. */
const CHUNK = 32 * 1024
/** The verifier of every run draws the same, so that what it asks for can be made beforehand. */
const DRAWS = 1

/** Verifying one machine of 8 GPUs: from the bytes of the openings to the verdict, in one thread. */
export const bench: Bench = async () => {
  const [challenge, nonce] = [{ sizes: SIZES, seed: randomBytes(32) }, randomBytes(32)]
  const random = fixedRandom(DRAWS)
  // A verifier draws its secret vector before anything else: what is drawn after it is what it will ask.
  void new Freivalds(challenge.seed, SIZES, random)
  const x = matrix('X', challenge.seed, SIZES.w, SIZES.n)
  const gpus = Array.from({ length: GPUS }, (_, g) => contrive(challenge, nonce, g, drawSample(SIZES, checksPerGpu(GPUS), random), x))
  const lines = gpus.flatMap(({ openings }, g) => openings.map((d, k) => `${JSON.stringify({ t: 'o', g, k, d: d.toString('base64') })}\n`))
  const sent = Buffer.from(lines.join(''))

  const verify = async () => {
    const { result, text } = verdictOn(challenge, nonce, gpus, sent)
    if (result !== 'passed') throw new Error(text)
  }
  const sample: number[] = []
  for (let run = -3; run < RUNS; run++) {
    const ms = await timed(verify)
    if (run >= 0) sample.push(ms)
  }
  const value = median(sample)
  const note = `the fastest ${round(Math.min(...sample), 1)} ms; rows made to hold where they are looked at, not those of a real chain, which no CPU computes in time: verifying takes the same steps`
  return [
    { name: 'verify_8gpu_ms', value: round(value, 1), unit: 'ms', ...(await originally(value)), n: RUNS, note },
    { name: 'proof_wire_gpu_mb', value: round(sent.length / GPUS / 1e6), unit: 'MB', note: `openings of one of 8 GPUs at n=${SIZES.n}, as lines` },
  ]
}

/** From bytes to the verdict, as a session does it. */
function verdictOn(challenge: Challenge, nonce: Uint8Array, gpus: { transcript: Transcript }[], sent: Buffer): Verdict {
  const verifier = new Verifier(challenge, GPUS, fixedRandom(DRAWS))
  for (const [g, { transcript }] of gpus.entries()) verifier.commit(g, nonce, transcript)
  const reader = new Lines(lineLimit(SIZES))
  for (let from = 0; from < sent.length; from += CHUNK)
    for (const line of reader.push(sent.subarray(from, from + CHUNK))) {
      const message = readMessage(line)
      if (message.t === 'o') verifier.take(message.g, message.k, message.d)
    }
  return verifier.verdict()
}

/** What the original takes for one entry of one GPU, of which it checks one a GPU. */
async function originally(value: number): Promise<Pick<Figure, 'to' | 'ratio'>> {
  const script = new URL('proof.original.py', import.meta.url).pathname
  try {
    const [ms = '', ...how] = execFileSync((await pythonWithNumpy()) ?? 'python3', [script, String(SIZES.n)], { encoding: 'utf8' })
      .trim()
      .split(' ')
    return {
      to: `one entry of one GPU by the original's verifier, restated in Python with ${how.join(' ')} (${round(Number(ms), 0)} ms)`,
      ratio: round(value / Number(ms), 3),
    }
  } catch (error) {
    return { to: `one entry by the original's verifier: no python3 here to run it (${reason(error).split('\n')[0]})` }
  }
}
