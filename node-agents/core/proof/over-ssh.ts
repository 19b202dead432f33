import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock, Shell, SshDoor, SshRun } from '../ports.ts'
import type { Random } from './random.ts'
import { runSession } from './session/run.ts'
import type { Hooks, SessionResult, Task } from './session/types.ts'

const LOGIN_MS = 20_000
/** The Python that every image is asked for. */
export const PYTHON = 'python3'

const FILE = 'proof.py'
const SCRIPT = new URL('../../../gpu/proof.py', import.meta.url)

/** `cuda`: the GPUs, and nothing in their place. `cpu`: for cards that are only said to be there. */
export type Device = 'cuda' | 'cpu'

/** A host with Python, and how to get to it. */
export type Host = {
  shell: Shell
  door: SshDoor
  /** Private half of the client key, OpenSSH's format. */
  key: string
  /** What runs there, as `proofScript` reads it. */
  script: Uint8Array
  /** The Python there, such as "python3". */
  python: string
  device: Device
  signal: AbortSignal
}

export type Over = Host & { task: Task; hooks: Hooks; clock: Clock; random?: Random }

/** The miner's half, of this release. */
export function proofScript(): Promise<Uint8Array> {
  return readFile(SCRIPT)
}

/**
 * A whole session over SSH: logs in, uploads the script to a folder of a random name, runs it, and closes in any case.
 * What the session meets is in its result. Rejects with a `ShellError` when there was none: nobody let us in, or the script could not be
 * put there; with the signal's reason; and with what a hook rejects with.
 */
export function proveOver({ task, hooks, clock, random, ...host }: Over): Promise<SessionResult> {
  const { signal } = host
  return withScript(host, `serve --gpus ${task.gpus}`, (run) => runSession(run, task, hooks, { clock, signal, ...(random && { random }) }))
}

/** Logs in, starts the script with these arguments, and ends both in any case. */
export async function withScript<T>(host: Host, args: string, use: (run: SshRun) => Promise<T>): Promise<T> {
  const { shell, door, key, script, signal } = host
  const login = await shell.login(door, key, LOGIN_MS, signal)
  try {
    // Relative: where SFTP and the shell both begin, which can be written to wherever somebody can log in.
    const folder = `.${randomBytes(8).toString('hex')}`
    await login.upload(`${folder}/${FILE}`, script, signal)
    const run = await login.run(commandOf(host, folder, args), signal)
    try {
      return await use(run)
    } finally {
      run.close()
    }
  } finally {
    await login.close()
  }
}

/** For a POSIX shell. The folder goes when the script ends, which it does once nobody talks to it any more. */
function commandOf({ python, device }: Pick<Host, 'python' | 'device'>, folder: string, args: string): string {
  return `${quoted(python)} ${folder}/${FILE} ${args} --device ${device}; code=$?; rm -rf ${folder}; exit $code`
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
