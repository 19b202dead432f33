import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../node-agents/miner/commands/index.ts'
import { simulatedGpus } from '../../node-agents/miner/simulate.ts'
import type { Driver } from '../../node-agents/core/ports.ts'
import type { Said } from './compute-miner.ts'

/** A host that tries a proof on itself, with two simulated cards. */
export const CARDS = { model: 'NVIDIA H200', count: 2, vramMb: 143_771 }
/** As a host without a hotkey names them. */
export const UUIDS = simulatedGpus('nobody', CARDS).map(({ uuid }) => uuid)

export function flagsIn(dir: string, image: string): string[] {
  const flags = {
    '--state': join(dir, 'state'),
    '--hotkey-file': join(dir, 'no-hotkey'),
    '--images': image,
    '--simulate-gpu': `${CARDS.model}:${CARDS.count}`,
    '--ports': '20000-29999',
  }
  return Object.entries(flags).flat()
}

/** `compute proof run` in this process; rejects with its `Mistake`. @param said takes its lines as they come */
export async function proofRun(driver: Driver, flags: string[], said: string[] = []): Promise<Said> {
  const code = await runCommand('proof', flags, { env: {}, out: (text) => said.push(text), makeDriver: () => driver })
  return { code, out: said.join('\n') }
}

/** The evidence that trials kept, oldest first. */
export async function bundlesIn(dir: string): Promise<string[]> {
  const folder = join(dir, 'state', 'trial')
  const names = (await readdir(folder)).filter((name) => name.includes('.bundle'))
  return names.sort().map((name) => join(folder, name))
}
