import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../node-agents/core/hotkey.ts'
import { runCommand } from '../node-agents/validator/commands/index.ts'
import { until } from './support/until.ts'
import { type Validator, ValidatorWorld } from './support/validators.ts'

/** Processes on a machine that is busy with other tests. */
const LONG_MS = 180_000
const SOON_MS = 60_000

let world: ValidatorWorld
afterEach(() => world.close())

async function run(validator: Validator, name: string, ...argv: string[]): Promise<string> {
  const said: string[] = []
  await runCommand(name, [...argv, '--state', validator.config.state], { env: {}, out: (text) => said.push(text) })
  return said.join('\n')
}

/** A round of scores is over; blocks come meanwhile, as what the edge does not answer yet is asked with the next ones. */
async function scored(validator: Validator): Promise<void> {
  const over = async () => {
    await world.chain.control.advance(1)
    return validator.said(/^scores are computed$/).length > 0
  }
  await until('a round of scores', over, SOON_MS).catch((error: unknown) => {
    throw new Error(`no round of scores:\n${validator.lines.map((l) => `${l.level} ${l.msg}`).join('\n')}`, { cause: error })
  })
}

/** One validator with a permit, uid 1, and a miner that announces no address, uid 2; the edge follows. */
async function subnet(): Promise<{ validator: Validator; miner: string }> {
  world = await ValidatorWorld.make()
  const { control } = world.chain
  const [own = ''] = world.hotkeys
  const miner = hotkeyFromSeed(randomBytes(32)).address
  await control.set('SubtensorModule.CommitRevealWeightsEnabled', [27], false)
  await world.empower(own, await world.register(own))
  await world.register(miner)
  await world.lookedAround()
  const validator = world.start()
  await control.advance(25)
  await scored(validator)
  return { validator, miner }
}

describe('the operator of a validator', { timeout: LONG_MS }, () => {
  it('sees why a miner earns nothing, and what becomes of a penalty', async () => {
    const { validator, miner } = await subnet()
    const list = await run(validator, 'miners')
    expect(list).toMatch(/left out, own: /)
    expect(list).toMatch(new RegExp(`^2 +${miner} .*left out, no_address: `, 'm'))
    expect(list).toMatch(/3 on the subnet, 0 queryable, 3 left out \(.*1 own/)
    expect(await run(validator, 'explain', '2')).toMatch(/^score {6}0.00 of 100: nothing is proved/m)

    const rounds = validator.said(/^scores are computed$/).length
    const told = validator.said(/^penalties are published$/).length
    expect(await run(validator, 'penalize', miner, '--reason', 'fake cards')).toMatch(/^uid 2, .* is penalized until /)
    await until('a round at once', () => validator.said(/^scores are computed$/).length > rounds, SOON_MS)
    await until('it is published', () => validator.said(/^penalties are published$/).length > told, SOON_MS)
    expect(await run(validator, 'explain', miner)).toMatch(/^penalty {4}SINCE \S+, ends in 24 h: fake cards$/m)
    await validator.stop()

    const again = world.start()
    await scored(again)
    expect(await run(again, 'miners'), 'it outlives the process').toMatch(/penalized, ends in 24 h: fake cards/)
    expect(await run(again, 'pardon', miner)).toMatch(/ is pardoned; it was penalized since /)
    expect(await run(again, 'explain', miner)).toMatch(/^penalty {4}none$/m)
  })

  it('sees weights that were set and read back, in a row beside those of others', async () => {
    const { validator } = await subnet()
    const { control } = world.chain
    expect(await run(validator, 'weights', 'show')).toMatch(/^weights {4}none were set yet\n/m)
    await control.advance(100)
    const there = async () => {
      await control.advance(1)
      return /^weights {4}1 uid read back as sent at block \d+/m.test(await validator.status())
    }
    await until('weights are read back', there, SOON_MS)
    const text = await run(validator, 'weights', 'show', '--matrix')
    expect(text).toMatch(/^weights {4}cycle 1 is confirmed/m)
    expect(text, 'no miner earns: the owner burns all').toMatch(/^0 +\S+ +100.00 % +100.00 %$/m)
    expect(text).toMatch(/^FROM +HOTKEY +0\n1\* +\S+ +100.0$/m)
    expect(await run(validator, 'explain', '0')).toMatch(/^weight {5}100.00 % by cycle 1 \(confirmed.*\); on chain 100.00 %$/m)
  })
})
