import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { ROOT } from './process.ts'

export const SCRIPT = join(ROOT, 'gpu/proof.py')

/** A copy of the script with some words changed, in this folder. */
export async function changedScript(folder: string, ...words: [string, string][]): Promise<string> {
  let script = await readFile(SCRIPT, 'utf8')
  for (const [from, to] of words) {
    if (!script.includes(from)) throw new Error(`the script has no ${JSON.stringify(from)} to change`)
    script = script.replace(from, to)
  }
  await writeFile(join(folder, 'proof.py'), script)
  return join(folder, 'proof.py')
}

/** What makes it a script that finds neither numpy nor torch, wherever it runs. */
export const BARE: [string, string][] = [
  ['import numpy\n', 'import no_numpy as numpy\n'],
  ['import torch\n', 'import no_torch as torch\n'],
]

/** Path of a Python with numpy: the one that is named, else python3, else the system's own. Null when none has it. A name may mean another one elsewhere. */
export async function pythonWithNumpy(): Promise<string | null> {
  const named = process.env['COMPUTE_TEST_PYTHON']
  for (const python of named ? [named] : ['python3', '/usr/bin/python3']) {
    const path = await promisify(execFile)(python, ['-c', 'import numpy, sys; print(sys.executable)']).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    )
    if (path) return path
  }
  return null
}

/** A line that the script said. Anything on its stdout that is no JSON object breaks the test. */
export type Line = { t: string; g?: number; m?: string; d?: string; root?: string; h?: string; n?: string; engine?: string; torch?: string; k?: number }

/** `proof.py` on the CPU as a process of its own, its stdin and stdout in our hands. */
export class Script {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  err = ''
  private readonly said: Line[] = []
  private waiting: (() => void)[] = []
  private over = false

  constructor(python: string, args: string[], env: Record<string, string> = {}, file = SCRIPT) {
    this.child = spawn(python, [file, ...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdin.on('error', () => undefined) // it ends while we still write: that is what some tests are about
    this.child.stderr.on('data', (bytes: Buffer) => (this.err += bytes.toString()))
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Line)
      this.wake()
    })
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => {
        this.over = true
        this.wake()
        resolve({ code, signal })
      })
    })
  }

  send(...commands: object[]): void {
    this.raw(commands.map((command) => `${JSON.stringify(command)}\n`).join(''))
  }

  raw(text: string): void {
    this.child.stdin.write(text)
  }

  /** The next line of this kind, of this GPU where one is named; what came before it and is of another stays. Rejects when it ended without one. */
  async next(t: string, g?: number): Promise<Line> {
    for (;;) {
      const at = this.said.findIndex((line) => line.t === t && (g === undefined || line.g === g))
      const [line] = at < 0 ? [] : this.said.splice(at, 1)
      if (line) return line
      if (this.over) throw new Error(`it ended without "${t}"; it said ${JSON.stringify(this.said).slice(0, 500)}\n${this.err}`)
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  private wake(): void {
    for (const go of this.waiting.splice(0)) go()
  }

  /** What it said that nobody asked for yet. */
  get rest(): readonly Line[] {
    return this.said
  }

  /** Ids of the processes of its GPUs. */
  async children(): Promise<number[]> {
    const pid = String(this.child.pid)
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  }
}

/** Is there a process of this id that has not ended? A zombie has. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return stat !== null && !/\) [ZX] /.test(stat)
}
