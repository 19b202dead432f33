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

/** Is this process frozen? One that is gone is not. */
export async function isFrozen(pid: number): Promise<boolean> {
  return (await stateOf(pid)).startsWith('T')
}

async function stateOf(pid: number): Promise<string> {
  if (process.platform !== 'linux')
    return promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)]).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    )
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') // it ended meanwhile
  return stat.slice(stat.lastIndexOf(')') + 2)
}

/** Freezes every process of a box. Again until nobody new is found: one that is not frozen yet may start others. */
export async function freezeAll(token: string): Promise<void> {
  const frozen = new Set<number>()
  for (;;) {
    const fresh = (await pidsOf(token)).filter((pid) => !frozen.has(pid))
    if (fresh.length === 0) return
    for (const pid of fresh) {
      signalTo(pid, 'SIGSTOP')
      frozen.add(pid)
    }
  }
}

export async function thawAll(token: string): Promise<void> {
  for (const pid of await pidsOf(token)) signalTo(pid, 'SIGCONT')
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

/** Ends every process of a box, with its group; the frozen ones too. @param graceMs how long they may take by themselves */
export async function endAll(token: string, graceMs: number): Promise<void> {
  if (graceMs > 0) await thawAll(token)
  if (graceMs > 0 && (await untilNone(token, 'SIGTERM', graceMs))) return
  if (!(await untilNone(token, 'SIGKILL', KILLED_MOST_MS))) throw new Error('processes of a box do not end')
}
