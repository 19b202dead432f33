import { afterEach, describe, expect, it } from 'vitest'
import { Forward } from '../local/stack/forward.ts'
import { AGENT_FLAGS } from '../node-agents/core/flags.ts'
import { eventually } from './support/eventually.ts'
import { connect } from './support/polkadot.ts'
import { Program } from './support/process.ts'
import { until } from './support/until.ts'
import { ValidatorWorld } from './support/validators.ts'
import { eventsOf } from './support/weights.ts'

const NETUID = 27
const LONG_MS = 300_000
/** A process on a machine that is busy with other tests. */
const SOON_MS = 60_000
/** From the last weights to the next. */
const EVERY = 100
/** A commitment is revealed after so many blocks, or twice as many. */
const TEMPO = 20

let world: ValidatorWorld
const running = new Set<Validator>()
afterEach(async () => {
  await Promise.all([...running].map((v) => v.kill()))
  await world.close()
})

const control = () => world.chain.control
const head = async () => (await control().newBlocks(0)).number

/** A process of its own, on a chain with a beacon of its own, and what it said of this cycle. */
class Validator {
  readonly #program = new Program('local/validator.ts', world.flags(), { HOME: world.dir }, AGENT_FLAGS)
  #from = 0

  constructor() {
    running.add(this)
  }

  get said(): string {
    return this.#program.out.slice(this.#from)
  }

  get errors(): string {
    return this.#program.err
  }

  forget(): void {
    this.#from = this.#program.out.length
  }

  async says(what: RegExp): Promise<void> {
    const told = () => {
      if (this.#program.child.exitCode !== null) throw new Error(`it ended: ${this.#program.out}${this.#program.err}`)
      return what.test(this.said)
    }
    await until(`${String(what)} of a validator`, told, SOON_MS)
  }

  /** Block after block, each with time to be heard, until it says so. */
  async saysWithin(what: RegExp, most: number, eachMs: number): Promise<void> {
    const forward = new Forward(world.chain.url, NETUID)
    for (let block = 0; block < most && !what.test(this.said); block++) {
      await forward.pulses()
      await control().advance()
      await eventually(() => expect(this.said).toMatch(what), eachMs).catch(() => undefined) // the next block
    }
    await this.says(what)
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#program.child.kill('SIGKILL')
    await this.#program.ended
    running.delete(this)
  }
}

/** Something waits in the pool for a block. */
async function waiting(): Promise<void> {
  const { api, close } = await connect(world.chain.url)
  await until('weights in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length > 0, SOON_MS)
  await close()
}

/** The chain opened what was committed, in a block that is not final. */
async function revealed(): Promise<void> {
  const forward = new Forward(world.chain.url, NETUID)
  const from = await head()
  const opened = async () => {
    await forward.pulses()
    await control().newBlocks()
    return (await eventsOf(world.chain.url, from))['TimelockedWeightsRevealed'] === 1
  }
  await until('the reveal', opened, SOON_MS)
}

const READ = /weights read back as sent/
type Point = [name: string, (validator: Validator) => Promise<unknown>]
const PLANNED: Point = ['when they are planned', (v) => v.says(/weights of 1 uids planned/)]
const IN_POOL: Point = ['when they wait for a block', waiting]
const IN_BLOCK: Point = ['when they are in a block', () => control().newBlocks()]
const SENT: Point = ['when it knows that', (v) => v.says(/weights sent/)]
const REVEALED: Point = ['when they are revealed', revealed]
const READ_BACK: Point = ['when they were read back', (v) => v.saysWithin(READ, 10, 300)]

/** Each row goes on to its last point, and ends there. */
const CYCLES: [string, boolean, Point[][], Record<string, number>][] = [
  ['in the open', false, [[PLANNED], [PLANNED, IN_POOL], [IN_POOL, IN_BLOCK], [IN_POOL, IN_BLOCK, SENT, READ_BACK]], { WeightsSet: 1 }],
  [
    'timelocked',
    true,
    [[IN_POOL, IN_BLOCK, SENT, REVEALED], [IN_POOL], [IN_POOL, IN_BLOCK]],
    { TimelockedWeightsCommitted: 1, TimelockedWeightsRevealed: 1, WeightsSet: 1 },
  ],
]

describe('compute validator, killed at every point of a cycle', { timeout: LONG_MS }, () => {
  it.each(CYCLES)('sets weights once: %s', async (_, commitReveal, rows, once) => {
    world = await ValidatorWorld.make(1, { commitReveal, tempo: TEMPO })
    const [own = ''] = world.hotkeys
    await world.lookedAround()
    await world.empower(own, await world.register(own))
    await control().advance(20)
    let validator = new Validator()
    await validator.says(/chain connected/)
    await validator.saysWithin(/scores are computed/, EVERY / 2, 500) // what could not be read at first is read with the next block
    for (const points of rows) {
      validator.forget()
      await control().advance(EVERY + 5)
      const from = (await head()) + 1
      for (const [, reach] of points) await reach(validator)
      const done = READ.test(validator.said)
      await validator.kill()
      validator = new Validator()
      await validator.says(/chain connected/)
      // What was never sent is known to be lost after some 115 blocks, and is set anew.
      if (!done) await validator.saysWithin(READ, 200, 100)
      await control().advance(10)
      expect(await eventsOf(world.chain.url, from), points.map(([name]) => name).at(-1)).toMatchObject(once)
      expect(validator.errors).toBe('')
    }
  })
})
