import { describe, expect, test } from 'vitest'
import { DEV, NETUID } from './support/connected.ts'
import { EVERY, type Setting, Weighing, weightsOf } from './support/weights.ts'

/** How weights come on chain and are seen to be there; what happens when a validator dies on the way is in weights.crash.test.ts. */

const never = new AbortController().signal
const confirmed = (times: number) => (w: Weighing) => w.states.filter((s) => s === 'confirmed').length >= times

describe('weights', { timeout: 120_000 }, () => {
  test('in the open: when due, read back from a final block, and again when due again', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles()
    await w.blocks(3)
    await cycles.step(never)
    const due = (await w.chain.lastUpdate(NETUID, 0, 1)) + EVERY
    expect(cycles.status()).toMatchObject({ current: null, confirmed: null, trouble: null, dueBlock: due })
    await w.walk(cycles, confirmed(1))
    const [row] = w.store.rows
    expect(row).toMatchObject({ mode: 'plain', state: 'confirmed', plannedBlock: due, includedBlock: due + 1, reason: null, attempts: 1 })
    expect(cycles.status()).toMatchObject({ current: null, confirmed: { id: 1 }, trouble: null, readBack: { same: true } })
    const wanted = [0.25, 0.75].map((share) => expect.closeTo(share, 4) as number)
    expect(cycles.status().readBack?.rows.map(({ uid, wanted, found }) => [uid, wanted, found])).toEqual([0, 2].map((uid, i) => [uid, wanted[i], wanted[i]]))
    w.weights = weightsOf([1, 1])
    await w.walk(cycles, confirmed(2))
    expect(w.store.rows[0]?.plannedBlock).toBe(due + 1 + EVERY)
    expect(await w.chain.weights(NETUID, 0, 1)).toEqual([
      [0, 65_535],
      [2, 65_535],
    ])
    expect(await w.events()).toMatchObject({ WeightsSet: 2 })
    expect(w.said('error')).toEqual([])
  })

  test.each<[string, Setting, Record<string, number>]>([
    ['in the open', {}, { WeightsSet: 1 }],
    ['timelocked', { commitReveal: true }, { TimelockedWeightsCommitted: 1, TimelockedWeightsRevealed: 1 }],
    ['as a hash', { commitReveal: true, version: 3 }, { WeightsCommitted: 1, WeightsRevealed: 1 }],
  ])('are confirmed only in a block that stays: %s', async (_, setting, once) => {
    const w = await Weighing.make(setting)
    const cycles = w.cycles()
    await w.control.stall({ finality: true })
    for (let i = 0; w.states[0] !== 'included' && i < 30; i++) {
      await w.blocks(1, false)
      await cycles.step(never)
    }
    const [row] = w.store.rows
    expect(row).toMatchObject({ state: 'included', readBlock: row?.mode === 'plain' ? row.includedBlock : null })
    await w.control.reorg(1)
    await w.heard()
    await cycles.step(never)
    expect(['sending', 'included']).toContain(w.states[0])
    await w.control.stall({ finality: false })
    await w.walk(cycles, confirmed(1), 150)
    expect(w.states.filter((s) => !['confirmed', 'lost'].includes(s))).toEqual([])
    expect(w.store.rows[0]?.reason).toBeNull()
    expect(await w.events()).toMatchObject(once)
  })

  test('timelocked: revealed by the chain, then read back', async () => {
    const w = await Weighing.make({ commitReveal: true })
    const cycles = w.cycles()
    await w.walk(cycles, confirmed(1))
    const [row] = w.store.rows
    expect(row).toMatchObject({ mode: 'timelocked', state: 'confirmed', attempts: 1 })
    expect(row?.readBlock).toBeGreaterThanOrEqual(row?.revealBlock ?? Infinity)
    expect(await w.events()).toMatchObject({ TimelockedWeightsCommitted: 1, TimelockedWeightsRevealed: 1 })
  })

  test('timelocked, and the beacon is silent: lost, said so, and sent anew', async () => {
    const w = await Weighing.make({ commitReveal: true })
    const cycles = w.cycles()
    await w.control.call('beaconSilent', { on: true })
    await w.walk(cycles, ({ states }) => states.includes('lost'))
    expect(w.said('error')).toEqual([expect.stringMatching(/not on chain as sent \(lost\): the commitment was never revealed/)])
    expect(cycles.status().trouble).toMatch(/never revealed/)
    await w.control.call('beaconSilent', { on: false })
    await w.walk(cycles, confirmed(1))
    expect(cycles.status().trouble).toBeNull()
  })

  test('timelocked, twice the same: the second only counts when its own reveal was seen', async () => {
    const w = await Weighing.make({ commitReveal: true })
    const cycles = w.cycles()
    await w.walk(cycles, confirmed(2))
    expect(w.store.rows).toMatchObject([
      { mode: 'timelocked', reason: null, attempts: 1 },
      { reason: null, attempts: 1 },
    ])
    expect(await w.events(), 'none is confirmed before it was revealed').toMatchObject({ TimelockedWeightsCommitted: 2, TimelockedWeightsRevealed: 2 })
    await w.walk(cycles, ({ states }) => states.length === 3 && states[0] === 'included')
    await w.control.call('beaconSilent', { on: true })
    await w.walk(cycles, confirmed(3))
    expect(w.store.rows[0]?.reason).toBe('no reveal of this commitment was seen: these weights may have been there before')
  })

  test('as a hash, where the chain is of another version: revealed by us in its epoch', async () => {
    const w = await Weighing.make({ commitReveal: true, version: 3 })
    await w.walk(w.cycles(), confirmed(1))
    expect(w.store.rows[0]).toMatchObject({ mode: 'hash', state: 'confirmed', attempts: 2 })
    expect(await w.events()).toMatchObject({ WeightsCommitted: 1, WeightsRevealed: 1 })
  })

  test('as a hash, whose epoch went by while nobody was there: lost, and committed anew', async () => {
    const w = await Weighing.make({ commitReveal: true, version: 3 })
    await w.walk(w.cycles(), ({ states }) => states[0] === 'included')
    await w.blocks(40)
    await w.walk(w.cycles(), confirmed(1))
    expect(w.states).toEqual(['confirmed', 'lost'])
    expect(await w.events()).toMatchObject({ WeightsCommitted: 2, WeightsRevealed: 1 })
  })

  test('the subnet changes its mind between two settings, and between plan and block', async () => {
    const w = await Weighing.make()
    let calls = 0
    const flip = async (...call: Parameters<typeof w.chain.setWeights>) => {
      calls++
      await w.control.hyperparameter(NETUID, 'CommitRevealWeightsEnabled', true)
      return w.chain.setWeights(...call)
    }
    const chain = new Proxy(w.chain, { get: (to, name) => (name === 'setWeights' ? flip : Reflect.get(to, name)) as unknown })
    await w.walk(w.cycles({ chain }), confirmed(1))
    expect(w.store.rows.map(({ mode, state }) => [mode, state])).toEqual([
      ['timelocked', 'confirmed'],
      ['plain', 'dropped'],
    ])
    expect(calls).toBe(1)
  })

  test('somebody else at a uid: planned anew before, told after', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles()
    w.weights = { ...weightsOf([1, 3]), hotkeys: [weightsOf([1, 3]).hotkeys[0] ?? '', 'somebody who left'] }
    await w.walk(cycles, ({ states }) => states.includes('dropped'))
    expect(w.store.rows[0]?.reason).toBe('uid 2 is somebody else now')
    expect(await w.events()).not.toHaveProperty('WeightsSet')
    w.weights = weightsOf([1, 3])
    await w.control.stall({ finality: true })
    for (let i = 0; w.states[0] !== 'included' && i < 30; i++) {
      await w.blocks(1, false)
      await cycles.step(never)
    }
    await w.control.deregister(NETUID, 2)
    await w.blocks(1)
    await w.walk(cycles, confirmed(1))
    expect(w.store.rows[0]?.reason).toBe('uid 2 is somebody else now')
    expect(cycles.status().readBack?.rows).toMatchObject([
      { uid: 0, found: 1 },
      { uid: 2, found: 0 },
    ])
    expect(w.said('error')).toEqual([])
  })

  test('other weights stand there: said as an error, and set anew as soon as the chain takes them', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles({ every: 50 })
    await w.control.stall({ finality: true })
    for (let i = 0; w.states[0] !== 'included' && i < 60; i++) {
      await w.blocks(1, false)
      await cycles.step(never)
    }
    await w.control.set('SubtensorModule.Weights', [NETUID, 1], [[0, 65_535]])
    await w.walk(cycles, confirmed(1))
    expect(w.states).toEqual(['confirmed', 'different'])
    expect(w.said('error')).toEqual([expect.stringMatching(/different.*uid 0: 25.000 % sent, 100.000 % found; uid 2: 75.000 % sent, 0.000 % found/)])
    const [again, wrong] = w.store.rows
    expect((again?.plannedBlock ?? 0) - (wrong?.includedBlock ?? 0)).toBeLessThanOrEqual(EVERY + 5)
  })

  test('refused for good: an error once, and tried again when weights are due again', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles()
    await w.control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Custom error: 1' }, 2)
    await w.walk(cycles, ({ states }) => states.filter((s) => s === 'refused').length === 2)
    expect(w.said('error')).toEqual([expect.stringMatching(/the chain refuses these weights: .*Stake more to this hotkey/)])
    expect(cycles.status().trouble).toMatch(/Stake more/)
    const [second, first] = w.store.rows
    expect((second?.plannedBlock ?? 0) - (first?.plannedBlock ?? 0)).toBe(EVERY)
    await w.walk(cycles, confirmed(1))
    expect(cycles.status().trouble).toBeNull()
  })

  test('refused for now: the same weights a few blocks later', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles()
    await w.control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Custom error: 6' }, 2)
    await w.walk(cycles, confirmed(1))
    expect(w.store.rows).toMatchObject([{ state: 'confirmed', attempts: 3 }])
    expect(w.said('error')).toEqual([])
  })

  test('no permit, nothing to set, a plan that fails: said, and nothing is sent', async () => {
    const w = await Weighing.make()
    w.weights = { none: 'no miner has a score' }
    const cycles = w.cycles()
    await w.blocks(EVERY)
    await cycles.step(never)
    expect(cycles.status().trouble).toBe('nothing to set: no miner has a score')
    const failing = w.cycles({ plan: () => Promise.reject(new RangeError('the score NaN')) })
    await failing.step(never)
    expect(failing.status().trouble).toBe('no weights could be made: the score NaN')
    await w.control.set('SubtensorModule.StakeThreshold', [], 10n ** 18n)
    await w.blocks(12) // an epoch takes the permit
    const barred = w.cycles()
    await barred.step(never)
    expect(barred.status().trouble).toMatch(/uid 1 has no validator permit/)
    expect(w.states).toEqual([])
    w.weights = weightsOf([1, 1])
    await w.control.set('SubtensorModule.StakeThreshold', [], 0n)
    await w.walk(cycles, confirmed(1))
    expect(cycles.status().trouble).toBeNull()
  })

  test('set by another validator with the same hotkey: said, once for each time', async () => {
    const w = await Weighing.make()
    const cycles = w.cycles()
    await w.walk(cycles, confirmed(1))
    await w.blocks(EVERY)
    const other = { uids: [0], values: [65_535], netuid: NETUID, mechanism: 0, versionKey: 183 }
    const { block } = await w.chain.setWeights(DEV.Alice, other)
    await w.blocks(2)
    for (let i = 0; i < 3; i++, await w.blocks()) await cycles.step(never)
    expect(cycles.status()).toMatchObject({
      current: null,
      trouble: expect.stringContaining(`set in block ${block.number}, and not by this validator`) as string,
    })
    expect(w.said('error')).toEqual([expect.stringMatching(/does another one run with the same hotkey/)])
    await w.walk(cycles, confirmed(2))
    await w.blocks()
    await cycles.step(never)
    expect(cycles.status().trouble, 'ours stand again').toBeNull()
  })

  test('by a state that another hotkey had: begun anew, and the other’s are left alone', async () => {
    const w = await Weighing.make()
    await w.walk(w.cycles(), ({ states }) => states[0] === 'included')
    const late = w.cycles({ hotkey: DEV.Bob })
    await w.blocks()
    await late.step(never)
    expect(late.status()).toMatchObject({ current: null, trouble: expect.stringMatching(/uid 2 has no validator permit/) as string })
    expect(w.states).toEqual(['included'])
  })

  test.each([{}, { commitReveal: true }])('after an hour without the chain: set once (%o)', async (setting) => {
    const w = await Weighing.make(setting)
    const cycles = w.cycles()
    await w.walk(cycles, ({ states }) => states[0] === 'included')
    await w.control.drop()
    await w.blocks(300)
    const { number } = await w.control.newBlocks(0)
    await w.walk(cycles, confirmed(2))
    expect(w.store.rows, 'none is lost, and each was seen').toMatchObject([
      { state: 'confirmed', reason: null },
      { state: 'confirmed', reason: null },
    ])
    expect(w.store.rows[0]?.plannedBlock, 'at once').toBeLessThanOrEqual(number + 3)
    expect(await w.events(number)).toMatchObject(setting.commitReveal === true ? { TimelockedWeightsCommitted: 1 } : { WeightsSet: 1 })
  })

  test('the chain goes away between plan and block: nobody knows, until the chain is back and tells', async () => {
    const w = await Weighing.make({ limits: { submitMs: 300, callMs: 300, waitMs: 300 } })
    const unheard = async (...call: Parameters<typeof w.chain.setWeights>) => {
      await w.control.stall({ answers: true })
      return w.chain.setWeights(...call).finally(() => w.control.resume())
    }
    const chain = new Proxy(w.chain, { get: (to, name) => (name === 'setWeights' ? unheard : Reflect.get(to, name)) as unknown })
    const cycles = w.cycles({ chain })
    await w.walk(cycles, ({ states }) => states[0] === 'sending')
    expect(w.store.rows[0]).toMatchObject({ state: 'sending' })
    await w.walk(w.cycles(), confirmed(1))
    expect(await w.events()).toMatchObject({ WeightsSet: 1 })
  })
})
