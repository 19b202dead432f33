import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Longer than any child needs to finish what it is doing. */
const GRACE_MS = 15_000
/** Longer than a slow machine needs to build the Worker. */
const READY_MS = 90_000
const TAIL = 5
/** Settings a person made for agents and tools of their own, not for the parts of a stack. */
const FOREIGN = /^(DOCKER|COMPUTE|BT)_/
const READY = /^\{"url":/
/** A small young generation makes each of them several times lighter. */
const LIGHT = ['--max-semi-space-size=1']
/** As node-agents/main.ts has it: what was compiled once needs no type stripper the next time. */
const COMPILED = { NODE_COMPILE_CACHE: join(ROOT, '.build/compiled') }

function inherited(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !FOREIGN.test(name)))
}

export type ChildOptions = {
  name: string
  /** Relative to the repository's root. */
  script: string
  args?: string[]
  /** Flags of Node. Default: those of a server. */
  flags?: string[]
  env?: Record<string, string>
  /** Written to its standard input. */
  input?: string
  /** What it prints goes there. */
  log: string
}

/** A process of the stack. It is told to stop by losing its IPC channel, so it also stops when this process dies. */
export class Child {
  readonly name: string
  /** Resolves when it ends without having been told to, with why. */
  readonly died: Promise<Mistake>
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  readonly #ready: Promise<{ url: string }>
  readonly #log: string
  readonly #said: string[] = []
  #stopping = false

  constructor({ name, script, args = [], flags = LIGHT, env = {}, input, log }: ChildOptions) {
    this.name = name
    this.#log = log
    // A process group of its own: Ctrl-C in the terminal reaches only us, and we stop the others in order.
    const child = spawn(process.execPath, [...flags, join(ROOT, script), ...args], {
      detached: true,
      cwd: ROOT,
      env: { ...COMPILED, ...inherited(process.env), ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'ipc'],
    })
    child.stdin?.end(input)
    this.#process = child
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()))
    this.#ready = this.#listen()
    this.died = new Promise((resolve) => child.once('exit', () => this.#stopping || resolve(this.#death())))
  }

  /** The JSON line a server prints when it listens. Rejects with a Mistake when it dies before that, or takes too long. */
  async listening(): Promise<{ url: string }> {
    const died = this.died.then((death) => Promise.reject(death))
    const late = sleep(READY_MS, undefined, { ref: false }).then(() => {
      throw new Mistake(`${this.name} does not listen after ${READY_MS / 1000} s (log: ${this.#log})`)
    })
    return Promise.race([this.#ready, died, late])
  }

  /** Asks it to stop and waits until it has. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#process.connected) this.#process.disconnect()
    const late = setTimeout(() => this.kill(), GRACE_MS)
    await this.#exited
    clearTimeout(late)
  }

  /** Ends it and what it started at once. */
  kill(): void {
    this.#stopping = true
    const { pid, exitCode, signalCode } = this.#process
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
  }

  #listen(): Promise<{ url: string }> {
    const file = createWriteStream(this.#log, { flags: 'a', mode: 0o600 })
    file.on('error', (error) => console.error(`${this.#log} cannot be written (${reason(error)}): ${this.name} runs on without a log`))
    const { stdout, stderr } = this.#process
    if (!stdout || !stderr) throw new TypeError('a child of the stack has pipes')
    return new Promise((resolve) => {
      for (const stream of [stdout, stderr])
        createInterface({ input: stream }).on('line', (line) => {
          if (stream === stderr) this.#remember(line)
          else if (READY.test(line)) resolve(JSON.parse(line) as { url: string })
          file.write(`${line}\n`)
        })
    })
  }

  #remember(line: string): void {
    this.#said.push(line)
    if (this.#said.length > TAIL) this.#said.shift()
  }

  #death(): Mistake {
    const { exitCode, signalCode } = this.#process
    const how = signalCode ? `was ended by ${signalCode}` : `ended with code ${exitCode}`
    return new Mistake(`${this.name} ${how}${this.#said.length > 0 ? `: ${this.#said.join(' | ')}` : ''} (log: ${this.#log})`)
  }
}
