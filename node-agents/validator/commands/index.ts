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
  miners: {
    summary: 'show everybody on the subnet, and why some are left out',
    run: async (argv, hands) => (await import('./miners.ts')).minersCommand(argv, hands),
  },
  explain: {
    summary: 'show where the score of one miner comes from',
    run: async (argv, hands) => (await import('./explain.ts')).explainCommand(argv, hands),
  },
  proofs: {
    summary: 'show what came of the newest proofs, and where their evidence lies',
    run: async (argv, hands) => (await import('./proofs.ts')).proofsCommand(argv, hands),
  },
  weights: {
    summary: '"weights show": what was wanted, and what stands on chain',
    run: async (argv, hands) => (await import('./weights.ts')).weightsCommand(argv, hands),
  },
  penalize: {
    summary: 'punish a miner, with a reason and an end',
    run: async (argv, hands) => (await import('./penalize.ts')).penalizeCommand(argv, hands),
  },
  pardon: {
    summary: 'end a penalty',
    run: async (argv, hands) => (await import('./pardon.ts')).pardonCommand(argv, hands),
  },
}

/** For the end of `compute validator --help`. */
export function listOfCommands(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `\nCommands (see compute validator COMMAND --help):\n${lines.join('\n')}\n`
}

/** Runs a subcommand. Throws a `Mistake` when there is none of that name. */
export async function runCommand(name: string, argv: string[], hands: Hands): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw new Mistake(`compute validator knows no command ${JSON.stringify(name)}; it knows ${Object.keys(COMMANDS).join(', ')}`)
  return command.run(argv, hands)
}
