import { startHost } from '../support/prover-host.ts'
import { at, matrix } from '../support/pog.ts'
import type { Deed, Prover, Told } from '../support/fake-prover.ts'
import { contrive } from './proof.machine.ts'
import { drawn, SEED, TASK } from './session.draws.ts'

// A host of 8 GPUs behind real SSH, which has all its answers ready. Prints where it is in one line; runs until it is ended.

const { sizes, gpus } = TASK
const { nonces, samples } = drawn()
const x = matrix('X', SEED, sizes.w, sizes.n)
const numbers = Array.from({ length: gpus }, (_, g) => g)
const made = numbers.map((g) => ready(g))

type Made = { tip: Buffer; swp: Buffer; commitments: Buffer; openings: Buffer[] }

function ready(g: number): Made {
  const { transcript, openings } = contrive({ sizes, seed: SEED }, at(nonces, g), g, at(samples, g), x)
  const { tip, roots, swp, swr } = transcript
  return {
    tip: line({ t: 'tip', g, h: hex(tip) }),
    swp: line({ t: 'swp', g, h: hex(swp) }),
    commitments: Buffer.concat([line({ t: 'roots', g, d: base64(roots) }), line({ t: 'swr', g, root: hex(swr) })]),
    openings: [...openings.map((d, k) => line({ t: 'o', g, k, d: base64(d) })), line({ t: 'done', g })],
  }
}

function answer({ c, g = 0, n }: Told): Deed[] {
  const one = at(made, g)
  if (c === 'ping') return [{ t: 'pong', n }]
  if (c === 'prep') return numbers.map((g) => ({ t: 'ready', g, engine: 'none' }))
  if (c === 'go') return made.map(({ tip }) => tip)
  if (c === 'sweep') return [one.swp]
  if (c === 'roots') return [one.commitments]
  return c === 'open' ? one.openings : []
}

const prover: Prover = {
  greeting: () => numbers.map((g) => ({ t: 'hello', v: 2, torch: 'none', g, name: 'contrived', mem: 0 })),
  answer: (text) => answer(JSON.parse(text) as Told),
}

function line(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`)
}
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const { door, privateKey } = await startHost(() => prover)
console.log(JSON.stringify({ door, privateKey }))
