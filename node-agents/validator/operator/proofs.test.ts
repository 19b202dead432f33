import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ProofEvidence } from '../../../schema/index.ts'
import { neuron, proof } from '../../../test/support/scores.ts'
import type { Metagraph } from '../../core/chain/types.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { makeLog } from '../../core/log.ts'
import { openSocket } from '../../core/socket.ts'
import { runCommand } from '../commands/index.ts'
import type { Proof } from '../store/types.ts'
import type { ProofsAnswer } from './answers.ts'
import type { Desk } from './desk.ts'
import { deskRoutes } from './routes.ts'

const address = () => hotkeyFromSeed(randomBytes(32)).address
const [GOOD, BAD] = [address(), address()]
const metagraph = { netuid: 27, block: { number: 400, hash: '0x' }, neurons: [neuron(1, { hotkey: GOOD }), neuron(2, { hotkey: BAD })] } as unknown as Metagraph

let state: string
let kept: Proof[]
let close: () => Promise<void>
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'operator-'))
  kept = []
  const proofs = async () => Map.groupBy(kept.toReversed(), (p) => p.hotkey)
  const desk: Partial<Desk> = { netuid: 27, bundles: join(state, 'proofs'), metagraph: () => metagraph, store: { proofs } as Desk['store'] }
  close = await openSocket(state, deskRoutes(desk as Desk), makeLog('silent', 'test'))
})
afterEach(async () => {
  await close()
  await rm(state, { recursive: true })
})

/** What the command printed. */
async function run(...argv: string[]): Promise<string> {
  const said: string[] = []
  await runCommand('proofs', [...argv, '--state', state], { env: {}, out: (text) => said.push(text) })
  return said.join('\n')
}
const json = async (...argv: string[]) => JSON.parse(await run(...argv, '--json')) as ProofsAnswer

const measured = { tops: 1200, gbs: 4000, vram_gb: 130 }
const bundle = { file: 'al_1.bundle', digest: 'ab'.repeat(32) }
const found: ProofEvidence = { proof: 'al_1', text: 'all gates hold', mismatch: false, measured, confidence: 0.99, runnerUp: 'NVIDIA L4', flags: ['much like its twin'], bundle, lost: [] } // prettier-ignore

it('shows the newest first, of everybody or of one, with the reason and the evidence', async () => {
  expect(await run()).toMatch(/^no proof was made yet/)
  kept.push(proof({ hotkey: GOOD, gpus: [{ uuid: 'GPU-1', model: 'NVIDIA H200', rentedMs: 0 }], evidence: found }))
  const reason = 'a mismatch, \u001b[2Jthe first'
  kept.push(
    proof({ hotkey: BAD, result: 'invalid', reason, evidence: { ...found, mismatch: true, flags: [], confidence: null, bundle: null, lost: ['GPU-9'] } }),
  )
  const { proofs, folder } = await json()
  expect(proofs.map((p) => [p.uid, p.result, p.text])).toEqual([[2, 'invalid', reason], [1, 'valid', 'all gates hold']]) // prettier-ignore
  const text = await run()
  const wanted = [
    'INVALID',
    '1 x NVIDIA H200',
    '99.00 % sure; next is NVIDIA L4',
    'NOTE: much like its twin',
    'LOST to another miner',
    'a mismatch, ?[2Jthe first',
  ]
  for (const said of [...wanted, `evidence: ${join(folder, 'al_1.bundle')}`]) expect(text).toContain(said)
  expect((await json('1')).proofs).toMatchObject([{ hotkey: GOOD }])
  expect((await json('--limit', '1')).proofs).toMatchObject([{ hotkey: BAD }])
})

it.each([
  [['--limit', '0'], /--limit is a number from 1 to 1000/],
  [['nobody'], /neither a hotkey/],
  [['77'], /uid 77 is not on subnet/],
])('says what is wrong with %j', async (argv, why) => {
  await expect(run(...argv)).rejects.toThrow(why)
})
