import { runCommand } from '../../node-agents/miner/commands/index.ts'
import type { MinerConfig } from '../../node-agents/miner/config.ts'
import type { Driver } from '../../node-agents/core/ports.ts'

/** The flags of an agent that was started with a config. */
export function flagsOf(config: MinerConfig): string[] {
  const { edge, simulateGpu: s } = config
  const flags = {
    '--edge': `${edge.url}#${edge.pin}`,
    '--hotkey-file': config.hotkeyFile,
    '--state': config.state,
    '--address': config.address,
    '--bind': config.bind,
    '--ports': `${config.ports.first}-${config.ports.last}`,
    '--images': config.images.join(','),
    '--chain': config.chain?.name ?? 'none',
    ...(s && { '--simulate-gpu': `${s.model}:${s.count}` }),
  }
  return Object.entries(flags).flat()
}

export type Said = { code: number; out: string }

/** One `compute miner NAME …` in this process; rejects with its `Mistake`. */
export async function computeMiner(driver: Driver, name: string, ...argv: string[]): Promise<Said> {
  const said: string[] = []
  const code = await runCommand(name, argv, { env: {}, out: (text) => said.push(text), makeDriver: () => driver })
  return { code, out: said.join('\n') }
}
