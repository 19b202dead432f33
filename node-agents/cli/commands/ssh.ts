import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { type Command, Option } from 'commander'
import { errno } from '../../core/mistake.ts'
import { Failure } from '../client.ts'
import { type Door, door } from '../endpoint.ts'
import type { Io } from '../io.ts'
import { identitiesOf, pin } from '../memory.ts'
import { fetchAllocation, idOf } from './allocations.ts'

/** Arguments for OpenSSH under which no host key but the pinned one is ever accepted, whatever the user's configuration says. Pure. */
export function sshArguments({ host, port, user }: Door, knownHostsFile: string, identities: string[], command: string[]): string[] {
  const options = {
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: `"${knownHostsFile}"`,
    GlobalKnownHostsFile: 'none',
    VerifyHostKeyDNS: 'no',
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
  }
  return [
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...identities.flatMap((file) => ['-i', file]),
    '-p',
    String(port),
    `${user}@${host}`,
    ...(command.length > 0 ? ['--', ...command] : []),
  ]
}

/** Runs ssh in this terminal. @returns its exit code, or 128 and the signal's number as a shell would */
function run(args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit' })
    // Ctrl-C is for the program on the other side; ssh carries it there.
    const ignore = () => {}
    process.on('SIGINT', ignore)
    child.on('error', (error) => reject(errno(error) === 'ENOENT' ? notInstalled(args, error) : error))
    child.on('exit', (code, signal) => {
      process.removeListener('SIGINT', ignore)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}

function notInstalled(args: string[], cause: unknown): Failure {
  return new Failure(`ssh is not installed on this machine: install the OpenSSH client. It would be run as\n  ssh ${args.join(' ')}`, cause)
}

async function ssh(io: Io, idOrName: string, command: string[], files: string[] | undefined): Promise<void> {
  const view = await fetchAllocation(io, await idOf(io, idOrName))
  const checked = door(view)
  const knownHosts = await pin(io.env, view.id, checked.knownHosts)
  io.exit(await run(sshArguments(checked, knownHosts, files ?? (await identitiesOf(io.env, view.id)), command)))
}

/** `ssh`: log in, or run one command, at the miner's signed host key and no other. */
export function sshCommand(program: Command, io: Io): void {
  program
    .command('ssh')
    .description('log in to an allocation, or run one command there; ends with its exit code')
    .argument('<id>', 'allocation id or name, from compute ls')
    .argument('[command...]', 'command to run there, after --')
    .addOption(
      new Option('-i, --identity <file>', 'private key to log in with; repeatable (default: the ones of compute up)').argParser(
        (value: string, before: string[] = []) => [...before, value],
      ),
    )
    .addHelpText('after', '\nExample:\n  compute ssh al_01k… -- nvidia-smi -L')
    .action((id: string, command: string[], options: { identity?: string[] }) => ssh(io, id, command, options.identity))
}
