import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AllocationView } from '../../schema/index.ts'
import { answer, connect, newIdempotencyKey } from '../../node-agents/cli/client.ts'
import { door } from '../../node-agents/cli/endpoint.ts'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'
import { generateHostKey } from '../../node-agents/miner/hostkey.ts'
import type { Choice } from './engine.ts'
import { runCommand } from './login.ts'
import type { Interruption } from './interruption.ts'
import type { UpOptions } from './options.ts'
import { Stack } from './stack.ts'
import { StackState } from './state.ts'

const WAIT = 'wait=50'
const WORD = 'it works'

type Say = (line: string) => void

/** Times each step and says it; a failure carries the step's name. */
class Steps {
  readonly ms: Record<string, number> = {}
  readonly #say: Say

  constructor(say: Say) {
    this.#say = say
  }

  async run<T>(name: string, work: () => Promise<T>, text: (result: T) => string): Promise<T> {
    const startedAt = performance.now()
    try {
      const result = await work()
      this.ms[name] = Math.round(performance.now() - startedAt)
      this.#say(`${name.padEnd(9)} ${String(this.ms[name]).padStart(6)} ms  ${text(result)}`)
      return result
    } catch (error) {
      throw new Mistake(`${name} failed after ${Math.round(performance.now() - startedAt)} ms: ${reason(error)}`, error)
    }
  }
}

async function allocate(api: ReturnType<typeof connect>, publicKey: string): Promise<AllocationView> {
  const header = { prefer: WAIT, 'idempotency-key': newIdempotencyKey() }
  const { body } = await answer(api.v1.allocations.$post({ json: { ssh_keys: [publicKey], name: 'demo' }, header }))
  if (body.state !== 'running') throw new Error(`${body.id} is ${body.state}${body.error ? `: ${body.error.code}, ${body.error.message}` : ''}`)
  return body
}

async function release(api: ReturnType<typeof connect>, id: string): Promise<AllocationView> {
  const { body } = await answer(api.v1.allocations[':id'].$delete({ param: { id }, header: { prefer: WAIT } }))
  if (body.state !== 'ended') throw new Error(`${id} is ${body.state}, not ended`)
  return body
}

/** The story of a rental, once through. */
async function story(stack: Stack, choice: Choice, steps: Steps): Promise<void> {
  await steps.run(
    'start',
    () => stack.startServers(),
    () => `database ${stack.databaseUrl}, edge ${stack.url}`,
  )
  await steps.run(
    'register',
    () => stack.startMiners(),
    () => `${stack.miners.length} miner(s), driver ${choice.driver}`,
  )
  const api = connect({ url: stack.url, key: stack.clientKey })
  const pair = generateHostKey('demo')
  const rented = await steps.run(
    'allocate',
    () => allocate(api, pair.publicKey),
    (a) => `${a.id}: ${a.gpus.length} x ${a.gpus[0]?.model}${a.simulated ? ' (simulated)' : ''} of ${a.hotkey}`,
  )
  await steps.run(
    'ssh',
    () => runCommand(door(rented), pair.privateKey, `echo ${WORD}`),
    (said) => `${rented.endpoint?.ssh_command}, host key pinned: ${said}`,
  )
  await steps.run(
    'release',
    () => release(api, rented.id),
    (a) => `${a.id} is ${a.state}`,
  )
}

/** Starts a stack of its own, plays the story, and leaves nothing behind. Rejects with a Mistake naming step and cause. */
export async function demo(options: UpOptions, choice: Choice, interruption: Interruption, say: Say): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'compute-demo-'))
  const steps = new Steps(say)
  for (const note of choice.notes) say(note)
  try {
    const { miners, simulate } = options
    // Several demos at a time then rarely try the same ports first; a taken one is skipped anyway.
    const firstPort = randomInt(20_000, 29_000)
    const stack = new Stack({ state: await StackState.open(folder), port: 0, choice, miners, simulate, firstPort })
    interruption.kill = () => stack.kill()
    await thenStop(Promise.race([story(stack, choice, steps), stack.broken, interruption.first]), () => stopAll(stack, steps))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  say(JSON.stringify({ demo: 'ok', driver: choice.driver, steps: steps.ms }))
}

function stopAll(stack: Stack, steps: Steps): Promise<unknown> {
  return steps.run(
    'stop',
    () => stack.stop('remove'),
    () => 'nothing left behind',
  )
}

/** `stop` in any case. When both fail, the first failure tells of the other. */
async function thenStop(work: Promise<void>, stop: () => Promise<unknown>): Promise<void> {
  const failure = await work.then(
    () => null,
    (error: unknown) => ({ error }),
  )
  try {
    await stop()
  } catch (error) {
    throw failure ? new Mistake(`${reason(failure.error)}; then ${reason(error)}`, failure.error) : error
  }
  if (failure) throw failure.error
}
