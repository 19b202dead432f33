import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errno } from '../../node-agents/core/mistake.ts'

/** The variable that marks every process of a box. A pid alone says nothing: it may be somebody else's by now. */
const MARK = 'COMPUTE_BOX'

const POLL_MS = 20
const KILLED_MOST_MS = 5000

export const marked = (token: string) => ({ [MARK]: token })

async function fromProc(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/environ`, 'utf8')
  } catch (error) {
    // It ended meanwhile, or is another user's and so not ours.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errno(error) ?? '')) return ''
    throw error
  }
}

async function pidsOfLinux(holds: (environment: string) => boolean, only?: number): Promise<number[]> {
  const pids = only === undefined ? (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number) : [only]
  const environments = await Promise.all(pids.map(fromProc))
  return pids.filter((_, i) => holds(environments[i] ?? ''))
}

/** Where there is no /proc, ps tells the environment of one's own processes. */
async function pidsOfPs(holds: (environment: string) => boolean): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axEww', '-o', 'pid=,command='], { maxBuffer: 64 * 1024 * 1024 })
  return stdout
    .split('\n')
    .filter(holds)
    .map((line) => Number.parseInt(line, 10))
}

/** Live processes of the box with this token. @param only look at this pid alone */
async function pidsOf(token: string, only?: number): Promise<number[]> {
  const holds = (environment: string) => environment.includes(`${MARK}=${token}`)
  if (process.platform === 'linux') return pidsOfLinux(holds, only)
  const pids = await pidsOfPs(holds)
  return only === undefined ? pids : pids.filter((pid) => pid === only)
}

/** Does this pid live, and is it the box's? */
export const isOurs = async (pid: number, token: string) => (await pidsOf(token, pid)).length > 0

/** Signals a process, or with a negative pid its group. One that ended meanwhile needs no signal. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errno(error) !== 'ESRCH') throw error
  }
}

async function untilNone(token: string, signal: NodeJS.Signals, mostMs: number): Promise<boolean> {
  const end = performance.now() + mostMs
  do {
    const pids = await pidsOf(token)
    if (pids.length === 0) return true
    for (const pid of pids) {
      signalTo(-pid, signal)
      signalTo(pid, signal)
    }
    await sleep(POLL_MS)
  } while (performance.now() < end)
  return false
}

/** Ends every process of a box, with its group. @param graceMs how long they may take by themselves */
export async function endAll(token: string, graceMs: number): Promise<void> {
  if (graceMs > 0 && (await untilNone(token, 'SIGTERM', graceMs))) return
  if (!(await untilNone(token, 'SIGKILL', KILLED_MOST_MS))) throw new Error('processes of a box do not end')
}
