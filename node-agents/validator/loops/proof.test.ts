import { expect, it } from 'vitest'
import { gpu, host } from '../../../test/support/scores.ts'
import { realClock } from '../../core/clock.ts'
import { tryProof } from './proof.ts'

const H200 = 'NVIDIA H200'

it.each<[string, number | undefined, number]>([
  ['as the edge had it for the proof, whatever a reading of hours ago says', 90, 90],
  ['from the last reading, where the proof does not say', undefined, 7],
])('time that a card was rented counts %s', async (_, rentedMs, wanted) => {
  const proved = { uuid: 'GPU-0', model: H200, ...(rentedMs !== undefined && { rentedMs }) }
  const prover = { prove: async () => ({ result: 'valid' as const, gpus: [proved], simulated: false }) }
  const miner = host([gpu(0, { rented_ms: 7 })])
  const options = { prover, clock: realClock, timeoutMs: 60_000, block: { number: 1000, hash: '0x1' } }
  const { proof } = await tryProof({ uid: 1, hotkey: miner.hotkey, miner }, options, new AbortController().signal)
  expect(proof?.gpus).toEqual([{ uuid: 'GPU-0', model: H200, rentedMs: wanted }])
})
