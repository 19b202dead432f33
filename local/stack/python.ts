import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { reason } from '../../node-agents/core/mistake.ts'
import type { Choice } from './engine.ts'

/** What gpu/proof.py asks for; it brings all else that simulated cards need. Debian's python3-minimal has none of these modules. */
const CHECK = ['python3', '-c', 'import ctypes, json, shutil, sys; sys.exit("it is version %d.%d" % sys.version_info[:2] if sys.version_info < (3, 9) else 0)']
const ASK_MS = 20_000
const FIX = 'give it a python3 of 3.9 or newer with its whole standard library, and start again'

/**
 * Whether sessions on rentals find a Python that the proof of GPU can run on.
 * @returns null: they do; else why not and what to do, for people
 */
export async function noPython({ driver, image, socket }: Pick<Choice, 'driver' | 'image' | 'socket'>): Promise<string | null> {
  const trouble = await (driver === 'box' ? onThisMachine() : inContainer(image, socket))
  return trouble === null ? null : `PROOFS ARE RECORDED, NOT RUN: ${driver === 'box' ? 'this machine' : image} cannot run them (${trouble}); ${FIX}`
}

/** As a session of a box has it: nothing of this process but PATH. */
async function onThisMachine(): Promise<string | null> {
  const [command = '', ...args] = CHECK
  const env = { PATH: process.env['PATH'], HOME: tmpdir() }
  try {
    await promisify(execFile)(command, args, { env, cwd: tmpdir(), timeout: ASK_MS })
    return null
  } catch (error) {
    return lastLine(reason(error))
  }
}

/** In a container of its own, without a network, which is gone afterwards. */
async function inContainer(image: string, socketPath: string | null): Promise<string | null> {
  const engine = new Docker({ ...(socketPath && { socketPath }), timeout: ASK_MS })
  try {
    const container = await engine.createContainer({ Image: image, Entrypoint: CHECK.slice(0, 1), Cmd: CHECK.slice(1), NetworkDisabled: true })
    try {
      await container.start()
      const { StatusCode: code } = (await container.wait()) as { StatusCode: number }
      return code === 0 ? null : 'its python3 is too old, or lacks modules such as json'
    } finally {
      await container.remove({ force: true })
    }
  } catch (error) {
    return lastLine(reason(error))
  }
}

/** What went wrong stands at the end of what a failed command said. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
}
