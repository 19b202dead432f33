import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

export type Ended = { code: number | null; out: string; err: string }

/** One of our programs as a process of its own: what it said so far, and how it ended. */
export class Program {
  out = ''
  err = ''
  readonly child: ChildProcess
  readonly ended: Promise<Ended>

  /** @param file relative to the repository's root @param env in place of this process's variables, but PATH @param flags of Node, for a script */
  constructor(file: string, args: string[], env: Record<string, string> = {}, flags: string[] = []) {
    const command = file.endsWith('.ts') ? [process.execPath, ...flags, join(ROOT, file)] : [join(ROOT, file)]
    const [program = '', ...rest] = [...command, ...args]
    this.child = spawn(program, rest, { cwd: ROOT, env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.on('data', (bytes: Buffer) => (this.out += bytes.toString()))
    this.child.stderr?.on('data', (bytes: Buffer) => (this.err += bytes.toString()))
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code) => resolve({ code, out: this.out, err: this.err }))
    })
  }
}

/** Runs a program to its end. */
export function run(file: string, args: string[], env: Record<string, string> = {}, flags: string[] = []): Promise<Ended> {
  return new Program(file, args, env, flags).ended
}
