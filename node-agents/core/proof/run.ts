import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock, Shell, SshDoor } from '../ports.ts'
import type { Random } from './random.ts'
import { runSession } from './session/run.ts'
import type { Hooks, SessionResult, Task } from './session/types.ts'

const LOGIN_MS = 20_000
const UPLOAD_MS = 30_000
const START_MS = 20_000
const SCRIPT = new URL('../../../gpu/proof.py', import.meta.url)

/** `auto`: the GPUs. `cpu`: for cards that are only said to be there. */
export type Device = 'auto' | 'cpu'

export type Over = {
  shell: Shell
  door: SshDoor
  /** Private half of the client key, OpenSSH's format. */
  key: string
  /** What runs there, as `proofScript` reads it. */
  script: Uint8Array
  /** The Python there, such as "python3". */
  python: string
  device: Device
  task: Task
  hooks: Hooks
  clock: Clock
  signal: AbortSignal
  random?: Random
}

/** The miner's half, of this release. */
export function proofScript(): Promise<Uint8Array> {
  return readFile(SCRIPT)
}

/**
 * A whole session over SSH: logs in, uploads the script to a folder of a random name, runs it, and closes in any case.
 * What the session meets is in its result. Rejects with a `ShellError` when there was none: nobody let us in, or the script could not be
 * put there; with the signal's reason; and with what a hook rejects with.
 */
export async function proveOver({ shell, door, key, script, python, device, task, hooks, clock, signal, random }: Over): Promise<SessionResult> {
  const login = await shell.login(door, key, LOGIN_MS, signal)
  try {
    // Relative: where SFTP and the shell both begin, which can be written to wherever somebody can log in.
    const folder = `.${randomBytes(8).toString('hex')}`
    await login.upload(`${folder}/proof.py`, script, AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_MS)]))
    const run = await login.run(commandOf({ folder, python, device, gpus: task.gpus }), AbortSignal.any([signal, AbortSignal.timeout(START_MS)]))
    try {
      return await runSession(run, task, hooks, { clock, signal, ...(random && { random }) })
    } finally {
      run.close()
    }
  } finally {
    await login.close()
  }
}

/** For a POSIX shell. The folder goes when the script ends, which it does once nobody talks to it any more. */
function commandOf({ folder, python, device, gpus }: { folder: string; python: string; device: Device; gpus: number }): string {
  const serve = `${quoted(python)} ${folder}/proof.py serve --device ${device} --gpus ${gpus}`
  return `${serve}; code=$?; rm -rf ${folder}; exit $code`
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
