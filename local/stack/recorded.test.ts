import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import { simulatedGpus, simulateGpu } from '../../node-agents/miner/simulate.ts'
import { RecordedProver } from '../../node-agents/validator/prover.ts'
import { record } from './recorded.ts'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'recorded-'))))
afterEach(() => rm(folder, { recursive: true }))

test('the validator reads the cards that a miner reports, and those of the last start', async () => {
  const [path, { address }] = [join(folder, 'proofs.json'), await generateHotkey(join(folder, 'hotkey'))]
  const prover = new RecordedProver(path, () => true)
  const prove = () => prover.prove({ hotkey: address })
  for (const simulate of ['NVIDIA H200:8', 'NVIDIA L4:1']) {
    await record(path, [address], simulate)
    const gpus = simulatedGpus(address, simulateGpu.parse(simulate)).map(({ uuid, model }) => ({ uuid, model }))
    expect(await prove()).toEqual({ result: 'valid', gpus, simulated: true })
  }
  expect((await stat(path)).mode & 0o077, 'for others').toBe(0)
  await record(path, [], 'NVIDIA L4:1')
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({})
  expect(await prove()).toMatchObject({ result: 'failed' })
})
