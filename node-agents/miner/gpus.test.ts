import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gpuFacts } from '../../schema/index.ts'
import { nvidiaGpus, parseNvidiaSmi } from './nvidia.ts'
import { simulatedGpus, simulateGpu } from './simulate.ts'

const UUID = 'GPU-5b2ad6e2-6a4e-7a9a-9f1c-0d6c2ae0b8a1'
const never = new AbortController().signal
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nvidia-'))
})
afterAll(() => rm(dir, { recursive: true }))

async function tool(name: string, script: string): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

describe('nvidia-smi', () => {
  it('lists GPUs', () => {
    const facts = parseNvidiaSmi(`${UUID}, 0, NVIDIA H200, 143771, 570.86.15\nGPU-b, 1, NVIDIA H200, 143771, 570.86.15\n`)
    expect(gpuFacts.parse(facts)).toEqual({
      status: 'ok',
      driver_version: '570.86.15',
      gpus: [
        { uuid: UUID, index: 0, model: 'NVIDIA H200', vram_mb: 143_771 },
        { uuid: 'GPU-b', index: 1, model: 'NVIDIA H200', vram_mb: 143_771 },
      ],
    })
  })

  it.each([
    '',
    'No devices were found\n',
    `${UUID}, 0, NVIDIA H200, [N/A], 570\n`,
    'Unable to determine the device handle for GPU 0000:81:00.0\n',
    `${UUID}, 0x1, X, 10, 570\n`,
    '[GPU is lost], 0, X, 10, 1\n',
  ])('fails, and does not say "no GPU", on %j', (output) => {
    expect(gpuFacts.parse(parseNvidiaSmi(output)).status).toBe('failed')
  })

  it('is asked for exactly what is parsed', async () => {
    const echo = await tool(
      'echo',
      `test "$*" = "--query-gpu=uuid,index,name,memory.total,driver_version --format=csv,noheader,nounits" && echo "${UUID}, 0, A, 10, 1"`,
    )
    expect(await nvidiaGpus(never, echo)).toMatchObject({ status: 'ok', gpus: [{ uuid: UUID }] })
  })

  it('tells a failing tool, a missing tool and no GPU apart', async () => {
    const broken = await tool('broken', 'echo "NVIDIA-SMI has failed because it could not communicate with the driver."; exit 9')
    expect(await nvidiaGpus(never, broken)).toMatchObject({ status: 'failed', message: expect.stringContaining('could not communicate') })
    expect(await nvidiaGpus(never, join(dir, 'none'), async () => false)).toEqual({ status: 'none' })
    expect(await nvidiaGpus(never, join(dir, 'none'), async () => true)).toMatchObject({ status: 'failed', message: expect.stringContaining('not installed') })
  })
})

describe('simulated GPUs', () => {
  it.each([
    ['NVIDIA H200:8', { model: 'NVIDIA H200', count: 8, vramMb: 143_771 }],
    ['NVIDIA H200:64:1000', { model: 'NVIDIA H200', count: 64, vramMb: 1000 }],
    ['Something:1', { model: 'Something', count: 1, vramMb: 24_576 }],
  ])('%s', (text, simulated) => {
    expect(simulateGpu.parse(text)).toEqual(simulated)
  })

  it.each(['H200', ':8', 'H200:0', 'H200:65', 'H200:1:x', ' :1'])('%j is refused', (text) => {
    expect(simulateGpu.safeParse(text).error?.issues[0]?.message).toContain('NVIDIA H200:8')
  })

  it('are the same at every start, and never the same on two hosts', () => {
    const s = { model: 'NVIDIA H200', count: 8, vramMb: 1 }
    const uuids = (hotkey: string) => simulatedGpus(hotkey, s).map((g) => g.uuid)
    expect(uuids('a')).toEqual(uuids('a'))
    expect(new Set([...uuids('a'), ...uuids('b')]).size).toBe(16)
    expect(gpuFacts.safeParse({ status: 'ok', gpus: simulatedGpus('a', s) }).success).toBe(true)
  })
})
