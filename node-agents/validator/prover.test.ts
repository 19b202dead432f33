import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../core/hotkey.ts'
import { Mistake } from '../core/mistake.ts'
import { RecordedProver } from './prover.ts'

const hotkey = hotkeyFromSeed(new Uint8Array(32).fill(1)).address
const other = hotkeyFromSeed(new Uint8Array(32).fill(2)).address
const gpus = [{ uuid: 'GPU-1', model: 'NVIDIA H200' }]

let dir: string
let path: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'prover-'))
  path = join(dir, 'proofs.json')
  await writeFile(path, JSON.stringify({ [hotkey]: { result: 'valid', gpus } }))
})
afterEach(() => rm(dir, { recursive: true }))

describe('recorded proofs', () => {
  it('are what the file says', async () => {
    const prover = new RecordedProver(path, () => true)
    expect(await prover.prove({ hotkey })).toEqual({ result: 'valid', gpus, simulated: true })
    expect(await prover.prove({ hotkey: other })).toMatchObject({ result: 'failed' })
    await writeFile(path, JSON.stringify({ [hotkey]: { result: 'invalid', reason: 'it lied' } }))
    expect(await prover.prove({ hotkey })).toEqual({ result: 'invalid', reason: 'it lied' })
  })

  it.each([
    ['an edge that is none of development', false],
    ['an edge that was not asked yet', null],
  ])('are refused with %s', async (_, development) => {
    await expect(new RecordedProver(path, () => development).prove({ hotkey })).rejects.toThrow(/^--recorded-proofs is for an edge of development/)
  })

  it.each([
    ['not there', null],
    ['no JSON', '{'],
    ['of another shape', JSON.stringify({ [hotkey]: { result: 'valid', gpus: [] } })],
  ])('whose file is %s are the fault of nobody else', async (_, text) => {
    await (text === null ? rm(path) : writeFile(path, text))
    await expect(new RecordedProver(path, () => true).prove({ hotkey })).rejects.toThrow(Mistake)
  })
})
