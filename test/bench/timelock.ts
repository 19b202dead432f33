import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as wasm from '@ideallabs/timelock_wasm_wrapper'
import { QUICKNET } from '../../node-agents/core/chain/drand.ts'
import { encrypt } from '../../node-agents/core/chain/timelock.ts'
import { type Bench, median, round, timed } from './measure.ts'

const RUNS = 20
const ROUND = 1000
/** Hotkey (32 bytes and a length), 256 uids and 256 weights of two bytes each with a length, version key. */
const PAYLOAD = new Uint8Array(33 + 2 * (2 + 512) + 8)

/** Timelocking the weights of 256 uids, ours against the wasm build of the chain's crate, taken in turns. It holds the event loop so long. */
export const bench: Bench = async () => {
  wasm.initSync({ module: readFileSync(new URL('timelock_wasm_wrapper_bg.wasm', import.meta.resolve('@ideallabs/timelock_wasm_wrapper'))) })
  const round8 = Buffer.alloc(8)
  round8.writeBigUInt64BE(BigInt(ROUND))
  const identity = createHash('sha256').update(round8).digest()
  const key = Buffer.from(QUICKNET.publicKey, 'hex')
  const sample = { ours: [] as number[], theirs: [] as number[] }
  for (let i = 0; i <= RUNS; i++) {
    sample.ours.push(await timed(async () => encrypt(PAYLOAD, ROUND)))
    sample.theirs.push(await timed(async () => wasm.tle(identity, PAYLOAD, new Uint8Array(32).fill(i), key, 'bls12_381')))
  }
  const first = sample.ours.shift() ?? Number.NaN
  sample.theirs.shift()
  const [value, to] = [median(sample.ours), median(sample.theirs)]
  return [
    {
      name: 'timelock_encrypt_ms',
      value: round(value, 1),
      unit: 'ms',
      to: `the wasm build of the chain's crate in this process (${round(to, 1)} ms)`,
      ratio: round(value / to),
      n: RUNS,
      note: `the first ${round(first, 1)} ms`,
    },
  ]
}
