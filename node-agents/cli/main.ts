import { Command, CommanderError } from 'commander'
import { Mistake, reason } from '../core/mistake.ts'
import { Failure, Refused } from './client.ts'
import { actCommands } from './commands/acts.ts'
import { adminCommands } from './commands/admin.ts'
import { allocationCommands } from './commands/allocations.ts'
import { eventCommand } from './commands/events.ts'
import { loginCommand } from './commands/login.ts'
import { marketCommands } from './commands/market.ts'
import { proofCommands } from './commands/proof.ts'
import { sshCommand } from './commands/ssh.ts'
import { upCommand } from './commands/up.ts'
import type { Io } from './io.ts'
import { problemText } from './print.ts'

const EXIT = { failed: 1, usage: 2 } as const

const AFTER = `
Environment: COMPUTE_URL and COMPUTE_API_KEY win over what "compute login" kept.
Exit codes:  0 done, 1 failed, 2 wrong usage; "ssh" gives the exit code of what it ran.
Agents:      compute miner --help, compute validator --help`

/** All client commands. */
export function makeProgram(io: Io): Command {
  const program = new Command('compute').description('Rent GPUs of a Bittensor subnet.').addHelpText('after', AFTER)
  program.exitOverride().configureOutput({ writeOut: (s) => io.out(s.trimEnd()), writeErr: (s) => io.err(s.trimEnd()) })
  marketCommands(program, io)
  upCommand(program, io)
  allocationCommands(program, io)
  actCommands(program, io)
  sshCommand(program, io)
  eventCommand(program, io)
  proofCommands(program, io)
  adminCommands(program, io)
  loginCommand(program, io)
  pointToHelp(program, 'compute')
  return program
}

function pointToHelp(command: Command, path: string): void {
  command.showHelpAfterError(`  ${path} --help says what is possible`)
  for (const child of command.commands) pointToHelp(child, `${path} ${child.name()}`)
}

/** Runs one client command. @param args without node and script @returns the exit code */
export async function cliMain(args: string[]): Promise<number> {
  let code = 0
  const io: Io = {
    env: process.env,
    out: (text) => console.log(text),
    err: (text) => console.error(text),
    nowMs: () => Date.now(),
    exit: (given) => (code = given),
  }
  try {
    await makeProgram(io).parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    return explain(error, io)
  }
}

/** Says on stderr what went wrong. @returns the exit code */
export function explain(error: unknown, io: Pick<Io, 'err'>): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage // it has spoken already
  if (error instanceof Mistake) {
    io.err(`error: ${error.message}`)
    return EXIT.usage
  }
  if (error instanceof Refused) io.err(problemText(error.problem))
  else if (error instanceof Failure) io.err(`error: ${error.message}`)
  else io.err(`defect of this program: ${error instanceof Error ? error.stack : reason(error)}`)
  return EXIT.failed
}
