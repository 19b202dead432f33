import { Mistake } from '../../core/mistake.ts'

/** The outside of a subcommand. */
export type Hands = { env: NodeJS.ProcessEnv; out: (text: string) => void }

type Subcommand = { summary: string; /** @returns the exit code */ run: (argv: string[], hands: Hands) => Promise<number> }

/** What `compute validator` does besides being the agent. Each is loaded when it is asked for. */
export const COMMANDS: Record<string, Subcommand> = {
  status: {
    summary: 'show the validator that runs on this host',
    run: async (argv, hands) => (await import('./status.ts')).statusCommand(argv, hands),
  },
}

/** For the end of `compute validator --help`. */
export function listOfCommands(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name}  ${summary}`)
  return `\nCommands (see compute validator COMMAND --help):\n${lines.join('\n')}\n`
}

/** Runs a subcommand. Throws a `Mistake` when there is none of that name. */
export async function runCommand(name: string, argv: string[], hands: Hands): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw new Mistake(`compute validator knows no command ${JSON.stringify(name)}; it knows ${Object.keys(COMMANDS).join(', ')}`)
  return command.run(argv, hands)
}
