import * as z from 'zod'
import { Malformed } from '../fault.ts'
import { MAX_GPUS } from '../sizes.ts'

const gpu = z.int().nonnegative().lt(MAX_GPUS)
const bytes32 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((hex): Uint8Array => Buffer.from(hex, 'hex'))
const pair = z.tuple([z.int().nonnegative(), z.int().nonnegative()])
const pairs = z.array(pair).max(4096)
const size = z.int().positive()

/** What a validator said from `go` on, as `commandLine` writes it. */
const said = z.discriminatedUnion('c', [
  z.strictObject({ c: z.literal('go'), seed: bytes32 }),
  z.strictObject({ c: z.literal('sweep'), g: gpu, nonce: bytes32, lanes: size, r: size, Q: size }),
  z.strictObject({ c: z.literal('roots'), g: gpu }),
  z.strictObject({ c: z.literal('open'), g: gpu, rows: pairs, u: pairs }),
  z.strictObject({ c: z.literal('quit') }),
])
export type Said = z.output<typeof said>

/** @throws Malformed when it is no command of a session */
export function readSaid(line: string): Said {
  try {
    return said.parse(JSON.parse(line))
  } catch (error) {
    throw new Malformed('what was sent is no command of a session', error)
  }
}
