import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../node-agents/core/hotkey.ts'
import { Mistake } from '../node-agents/core/mistake.ts'
import { METRICS } from '../node-agents/validator/metrics.ts'
import { freePorts } from './support/ssh.ts'
import { until } from './support/until.ts'
import { type Validator, ValidatorWorld } from './support/validators.ts'

const LONG_MS = 120_000
/** A process on a machine that is busy with other tests. */
const SOON_MS = 30_000

let world: ValidatorWorld
afterEach(() => world.close())

const newHotkey = () => hotkeyFromSeed(randomBytes(32)).address
const blocks = (...wanted: number[]) =>
  until(`snapshots of ${wanted.join(', ')}`, async () => JSON.stringify(await world.blocks()) === JSON.stringify(wanted), SOON_MS)

/** The validator has heard what became of it. */
const answered = (validator: Validator, block: number) =>
  until(`an answer about ${block}`, () => validator.said(new RegExp(`^snapshot of block ${block}: applied$`)).length > 0, SOON_MS)

describe('compute validator', { timeout: LONG_MS }, () => {
  it('tells the edge what is final at multiples of 25, and roles follow', async () => {
    world = await ValidatorWorld.make()
    const { control } = world.chain
    const [own = ''] = world.hotkeys
    const miner = newHotkey()
    await world.empower(own, await world.register(own))
    await world.register(miner)
    const validator = world.start(0, { metrics: { host: '127.0.0.1', port: (await freePorts(1))[0] ?? 0 } })
    await until('connected', () => validator.said(/^chain connected/).length > 0, SOON_MS)
    await control.advance(24)
    await control.newBlocks(20) // the head is at 44, and nothing of it final
    await control.finalize(30)
    await answered(validator, 25)
    expect(await world.blocks()).toEqual([25])
    expect(await world.roles()).toMatchObject({ [own]: 'validator active', [miner]: 'miner active' })

    await control.deregister(27, miner)
    await control.advance(10)
    await answered(validator, 50)
    expect(await world.roles(), 'one snapshot takes nobody away').toMatchObject({ [miner]: 'miner active' })
    await control.advance(25)
    await answered(validator, 75)
    expect(await world.blocks()).toEqual([25, 50, 75])
    expect(await world.roles()).toMatchObject({ [own]: 'validator active', [miner]: 'miner draining' })
    const text = await validator.status()
    expect(text).toMatch(new RegExp(`^validator {2}${own}.*\nsubnet {5}27: uid 1, validator permit, total stake 2000 \\(block 79, 3 uids\\)\n`))
    expect(text).toMatch(/\nchain {6}ws:\/\/\S+, block 79, \d+ s ago, finalized 79, runtime 425\n/)
    expect(text).toMatch(/\nsnapshot {3}block 75: applied, 1 of 1 votes, at /)
    const metrics = await (await fetch(`http://127.0.0.1:${validator.config.metrics?.port}/metrics`)).text()
    expect(metrics).toMatch(/^compute_validator_snapshot_block 75$/m)
    expect(metrics).toMatch(/^compute_validator_snapshot_total\{outcome="applied"\} 3$/m)
    expect(metrics).toMatch(/^compute_validator_stake 2000$/m)
    for (const name of Object.keys(METRICS)) expect(metrics, name).toContain(`# TYPE ${name} `)
    expect(JSON.parse(await validator.status('--json'))).toMatchObject({ netuid: 27, subnet: { uid: 1, permit: true } })
  })

  it('sends nothing twice, whether it is started anew, the edge was away, or the chain', async () => {
    world = await ValidatorWorld.make()
    const first = world.start()
    await world.chain.control.advance(30)
    await answered(first, 25)
    await first.stop()

    const second = world.start()
    await until('connected again', () => second.said(/^chain connected/).length > 0, SOON_MS)
    await world.chain.control.advance(5)
    await world.stopEdge()
    await world.chain.control.advance(20)
    await until('the edge is missed', () => second.said(/no snapshot could be sent/).length > 0, SOON_MS)
    expect(await second.status()).toMatch(/NOT SENT since .*\(network\)/)
    await world.chain.control.advance(25)
    await world.startEdge()
    await answered(second, 75)
    expect(await world.blocks(), 'nobody needs what is older').toEqual([25, 75])
    expect(await second.status()).toMatch(/\nsnapshot {3}block 75: applied, 1 of 1 votes, at \S+$/)

    await world.restartChain(async () => {
      await until('the chain is missed', async () => /\nchain {6}NOT CONNECTED/.test(await second.status()), SOON_MS)
    })
    await world.chain.control.advance(20)
    await blocks(25, 75, 100)
  })

  it('says what is missing, and goes on', async () => {
    world = await ValidatorWorld.make()
    const { control } = world.chain
    const [own = ''] = world.hotkeys
    const validator = world.start()
    await until('it says so', () => validator.said(/is not registered on subnet 27: btcli subnet register --netuid 27/).length > 0, SOON_MS)
    await control.set('SubtensorModule.StakeThreshold', [], 1000n * 10n ** 9n)
    await world.register(own)
    await control.stake(own, 27, 10n * 10n ** 9n)
    await control.newBlocks()
    await until('the stake', () => validator.said(/^uid 1, no validator permit: total stake 10, needs 1000: /).length > 0, SOON_MS)
    await world.empower(own, 1)
    await control.newBlocks()
    await until('all is well', () => validator.said(/^uid 1, validator permit, total stake 2000$/).length > 0, SOON_MS)
    expect(validator.lines.filter((l) => l.level === 'error')).toEqual([])
  })

  it('is not misled by blocks that do not stay', async () => {
    world = await ValidatorWorld.make()
    const { control } = world.chain
    const [own = ''] = world.hotkeys
    const validator = world.start()
    await until('connected', () => validator.said(/^chain connected/).length > 0, SOON_MS)
    await control.advance(24)
    await world.empower(own, await world.register(own))
    const before = await control.newBlocks()
    await until('it sees itself', () => validator.said(/^uid 1, validator permit/).length > 0, SOON_MS)
    const [after] = await control.reorg(1)
    await control.finalize()
    await answered(validator, 25)
    expect(before.number).toBe(25)
    expect(after?.hash).not.toBe(before.hash)
    expect(await world.newestHash()).toBe(after?.hash)
  })

  it('of three, one whose chain lies changes nothing, and is seen', async () => {
    world = await ValidatorWorld.make(3)
    const other = await world.otherChain()
    const [a = '', b = '', liar = ''] = world.hotkeys
    const [miner, forged] = [newHotkey(), newHotkey()]
    for (const hotkey of [a, b, liar]) await world.empower(hotkey, await world.register(hotkey))
    await world.register(miner)
    await world.register(forged, other)
    world.start(2, {}, other)
    await other.control.advance(25)
    await blocks(25)
    expect(await world.roles(), 'one of three is no majority').toEqual({})
    world.start(0)
    world.start(1)
    await world.chain.control.advance(25)
    await blocks(25, 25, 25)
    const roles = await until('roles', async () => Object.keys(await world.roles()).length > 0 && world.roles(), SOON_MS)
    expect(roles).toMatchObject({ [a]: 'validator active', [liar]: 'validator active', [miner]: 'miner active' })
    expect(roles).not.toHaveProperty(forged)
    expect((await world.posts())[0], 'and it can be seen').toEqual({ hotkey: liar, block: 25, outcome: 'counted' })
  })

  it('tells whose place it has taken, and leaves a second one on its state alone', async () => {
    world = await ValidatorWorld.make()
    const validator = world.start()
    await world.chain.control.advance(25)
    await answered(validator, 25)
    await expect(world.start().ended).rejects.toThrow(Mistake)
    await validator.stop()
    const other = world.start(0, {}, await world.otherChain())
    await until('another chain is refused', () => other.said(/^nothing is sent: this endpoint tells of another chain/).length > 0, SOON_MS)
    expect(await other.status()).toMatch(/NOT SENT since .*block 0 is its last finalized one, and block 25 was finalized before \(wrong_chain\)/)
    expect(await world.blocks()).toEqual([25])
  })
})
