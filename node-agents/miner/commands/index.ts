import { Mistake } from '../../core/mistake.ts'
import type { MakeDriver } from '../main.ts'

/** The outside of a subcommand. */
export type Hands = { env: NodeJS.ProcessEnv; out: (text: string) => void; makeDriver: MakeDriver }

type Subcommand = { summary: string; /** @returns the exit code */ run: (argv: string[], hands: Hands) => Promise<number> }

/** What `compute miner` does besides being the agent. Each is loaded when it is asked for: the agent carries none of them. */
export const COMMANDS: Record<string, Subcommand> = {
  status: {
    summary: 'show the agent that runs on this host',
    run: async (argv, hands) => (await import('./status.ts')).statusCommand(argv, hands),
  },
  confirm: {
    summary: 'let containers go that the edge does not explain',
    run: async (argv, hands) => (await import('./confirm.ts')).confirmCommand(argv, hands),
  },
  takeover: {
    summary: 'go on after the state directory was lost, or with a hotkey whose agent is lost',
    run: async (argv, hands) => (await import('./takeover.ts')).takeoverCommand(argv, hands),
  },
  install: {
    summary: 'write a systemd unit for this agent',
    run: async (argv, hands) => (await import('./install.ts')).installCommand(argv, hands),
  },
  proof: {
    summary: 'prove the cards of this host to yourself, as a validator would; also: compute proof run',
    run: async (argv, hands) => (await import('./proof.ts')).proofCommand(argv, hands),
  },
  doctor: {
    summary: 'check this host the way a validator would, with the fix for everything that fails',
    run: async (argv, hands) => (await import('./doctor.ts')).doctor(argv, hands),
  },
}

/** For the end of `compute miner --help`. */
export function listOfCommands(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `\nCommands (see compute miner COMMAND --help):\n${lines.join('\n')}\n`
}

/** Runs a subcommand. Throws a `Mistake` when there is none of that name. */
export async function runCommand(name: string, argv: string[], hands: Hands): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw new Mistake(`compute miner knows no command ${JSON.stringify(name)}; it knows ${Object.keys(COMMANDS).join(', ')}`)
  return command.run(argv, hands)
}
