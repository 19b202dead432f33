import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from './support/eventually.ts'
import { connect } from './support/polkadot.ts'
import { Program } from './support/process.ts'
import { until } from './support/until.ts'
import { ValidatorWorld } from './support/validators.ts'
import { eventsOf } from './support/weights.ts'

const LONG_MS = 240_000
/** A process on a machine that is busy with other tests. */
const SOON_MS = 60_000
/** Of registration and of the last weights to the next. */
const EVERY = 100

let world: ValidatorWorld
const running = new Set<Program>()
afterEach(async () => {
  await Promise.all([...running].map(kill))
  await world.close()
})

/** `kill -9`. */
async function kill(program: Program): Promise<void> {
  program.child.kill('SIGKILL')
  await program.ended
  running.delete(program)
}

function start(): Program {
  const program = new Program('compute', ['validator', ...world.flags()], { HOME: world.dir })
  running.add(program)
  return program
}

const said = (program: Program, what: RegExp) =>
  until(
    `${String(what)} of a validator`,
    () => {
      if (program.child.exitCode !== null) throw new Error(`it ended: ${program.out}${program.err}`)
      return what.test(program.out)
    },
    SOON_MS,
  )

/** Block after block, each with time to be heard, until it says so. */
async function blocksUntil(program: Program, what: RegExp, most: number, eachMs: number): Promise<void> {
  for (let block = 0; block < most && !what.test(program.out); block++) {
    await control().advance()
    await eventually(() => expect(program.out).toMatch(what), eachMs).catch(() => undefined) // the next block
  }
  await said(program, what)
}

/** Something waits in the pool for a block. */
async function waiting(): Promise<void> {
  const { api, close } = await connect(world.chain.url)
  await until('weights in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length > 0, SOON_MS)
  await close()
}

const control = () => world.chain.control

/** Each goes on where the one before it ended. */
const POINTS: [string, (validator: Program) => Promise<unknown>][] = [
  ['before weights are due', async () => undefined],
  ['when they are due', async () => control().advance(EVERY + 5 - (await control().newBlocks(0)).number)],
  ['when they are planned', (v) => said(v, /weights of 1 uids planned/)],
  ['when they wait for a block', waiting],
  ['when they are in a block', () => control().newBlocks()],
  ['when it knows that', (v) => said(v, /weights sent/)],
  ['when they are final', () => control().finalize()],
  ['when they were read back', (v) => said(v, /weights read back as sent/)],
]

describe('compute validator, killed', { timeout: LONG_MS }, () => {
  it.each(POINTS.map(([name], n) => [name, n] as const))('%s: sets weights once', async (_, n) => {
    world = await ValidatorWorld.make()
    const [own = ''] = world.hotkeys
    await world.lookedAround()
    await control().hyperparameter(27, 'CommitRevealWeightsEnabled', false)
    await world.empower(own, await world.register(own))
    await control().advance(20)
    const first = start()
    await said(first, /chain connected/)
    await blocksUntil(first, /scores are computed/, EVERY / 2, 1000) // what could not be read at first is read with the next block
    for (const [, reach] of POINTS.slice(0, n + 1)) await reach(first)
    await kill(first)

    const second = start()
    await said(second, /chain connected/)
    // What was never sent is known to be lost after some 115 blocks, and is set anew.
    if (!/weights read back as sent/.test(first.out)) await blocksUntil(second, /weights read back as sent/, 200, 150)
    await control().advance(10)
    expect(await eventsOf(world.chain.url)).toMatchObject({ WeightsSet: 1 })
    expect(second.err).toBe('')
  })
})
