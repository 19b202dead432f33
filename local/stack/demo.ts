import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'
import type { Choice } from './engine.ts'
import type { Interruption } from './interruption.ts'
import type { UpOptions } from './options.ts'
import { noPython } from './python.ts'
import { Stack } from './stack.ts'
import { StackState } from './state.ts'
import { type Say, Steps } from './steps.ts'
import { story, type Told } from './story.ts'

/** Starts a stack of its own, plays the story, and leaves nothing behind. Rejects with a Mistake naming step and cause. */
export async function demo(options: UpOptions, choice: Choice, interruption: Interruption, say: Say): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'compute-demo-'))
  const steps = new Steps(say)
  let told: Told
  try {
    const { miners, simulate } = options
    const unprovable = await noPython(choice)
    for (const note of [...choice.notes, ...(unprovable ? [unprovable] : [])]) say(note)
    // Several demos at a time then rarely try the same ports first; a taken one is skipped anyway.
    const firstPort = randomInt(20_000, 29_000)
    const stack = new Stack({ state: await StackState.open(folder), port: 0, choice, miners, simulate, firstPort, recorded: unprovable !== null })
    interruption.kill = () => stack.kill()
    told = await thenStop(Promise.race([story(stack, choice, steps), stack.broken, interruption.first]), () => stopAll(stack, steps))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const { registered, block: snapshot_block } = told.roster
  // `uids`: those that the validator's row on the chain gives weight to, as it read it back.
  const weights = { weights_read_back: true, uids: told.weights.uids.length }
  say(JSON.stringify({ demo: 'ok', driver: choice.driver, registered, snapshot_block, proof: told.proof, ...weights, steps: steps.ms }))
}

function stopAll(stack: Stack, steps: Steps): Promise<unknown> {
  return steps.run(
    'stop',
    () => stack.stop('remove'),
    () => 'nothing left behind',
  )
}

/** `stop` in any case. When both fail, the first failure tells of the other. */
async function thenStop<T>(work: Promise<T>, stop: () => Promise<unknown>): Promise<T> {
  const [outcome] = await Promise.allSettled([work])
  try {
    await stop()
  } catch (error) {
    throw outcome.status === 'rejected' ? new Mistake(`${reason(outcome.reason)}; then ${reason(error)}`, outcome.reason) : error
  }
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}
