import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { generateHotkey } from '../node-agents/core/hotkey.ts'
import type { AllocationView } from '../schema/index.ts'
import { computeMiner, flagsOf } from './support/compute-miner.ts'
import { MemoryEngine } from './support/driver.ts'
import { testEngine } from './support/engine.ts'
import { keyPair, login } from './support/ssh.ts'
import { startStack, type TestStack } from './support/stack.ts'
import { readUntil } from './support/edge.ts'
import { MinerWorld } from './support/miner.ts'
import { until } from './support/until.ts'

/** A hotkey's agent is lost, or only what it knew. */

describe('compute miner takeover', () => {
  let world: MinerWorld
  beforeEach(async () => {
    world = await MinerWorld.make()
  })
  afterEach(() => world.close())
  const takeover = (engine = world.engine, ...argv: string[]) => computeMiner(engine.driver(), 'takeover', ...flagsOf(world.config), ...argv)
  const lose = () => rm(world.config.state, { recursive: true })

  it('takes back what runs after the state directory was lost; counters that were lost restart nobody', async () => {
    const first = await world.up()
    const entry = world.entry({ restart_n: 3, keys_n: 2 })
    await world.running(entry)
    const install = world.edge.last?.install
    await first.stop()
    await lose()
    world.edge.wish([{ ...entry, restart_n: 4, generation: 2 }]) // one more restart was asked for meanwhile: nobody knows whether it was done
    const shown = await takeover()
    expect(shown).toMatchObject({ code: 1, out: expect.stringMatching(new RegExp(`1 container.* of ${install}[^]*${entry.id}/1[^]*--yes`)) })
    expect(await takeover(world.engine, '--yes')).toMatchObject({ code: 0, out: expect.stringContaining(`this agent is ${install} again`) })
    const before = world.edge.reports.length
    await world.up()
    await until(
      'runs on',
      () => world.edge.reports.length > before && world.edge.fact(entry.id)?.observed_generation === 2 && world.phase(entry.id) === 'running',
    )
    expect(world.edge.last?.install).toBe(install)
    expect(world.edge.fact(entry.id)?.restart_n).toBe(4)
    expect(world.engine.made).toHaveLength(1)
    expect(world.engine.rows).toMatchObject([{ allocation: entry.id, state: 'running' }])
    world.edge.wish([{ ...entry, generation: 3, kind: 'tombstone' }])
    await until('gone', () => world.phase(entry.id) === 'gone')
  })

  it('tells the edge of the new install when nothing is here', async () => {
    const first = await world.up()
    await until('a report', () => world.edge.last)
    const old = world.edge.last?.install
    await first.stop()
    await lose()
    const empty = new MemoryEngine()
    expect(await takeover(empty)).toMatchObject({ code: 1, out: expect.stringMatching(new RegExp(`listens to ${old}[^]*ENDS[^]*stop it first`)) })
    expect(await takeover(empty, '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('Start the agent') })
    expect(await takeover(empty), 'once more').toMatchObject({ code: 0, out: expect.stringContaining('nothing to take over') })
  })

  it('needs the agent stopped, the edge there, and a choice where there are several', async () => {
    const first = await world.up()
    await world.running(world.entry())
    await expect(takeover(world.engine, '--yes')).rejects.toThrow(/another agent already uses/)
    await first.stop()
    await lose()
    await world.engine.close()
    const owners = ['a', 'b'].map((c) => `in_${c.repeat(26)}`)
    for (const install of owners) await world.leaveBehind({ edge: world.edge.address, hotkey: world.hotkey, install })
    await expect(takeover(world.engine, '--yes')).rejects.toThrow(/several installs.*--install.*in_a+, in_b+/)
    await expect(takeover(world.engine, '--yes', '--install', 'in_other')).rejects.toThrow(/no container of in_other/)
    world.engine.away = true
    await expect(takeover(world.engine, '--yes')).rejects.toMatchObject({
      name: 'Mistake',
      message: expect.stringMatching(/needs the container engine.*--docker/),
    })
    world.engine.away = false
    await world.edge.stop()
    await expect(takeover(world.engine, '--yes')).rejects.toThrow(/needs the edge.*cannot be reached/)
    await world.edge.start()
  })

  it('takes nothing back that the edge gave up', async () => {
    const first = await world.up()
    await until('a report', () => world.edge.last)
    await first.stop()
    await lose()
    const install = `in_${'a'.repeat(26)}`
    await world.leaveBehind({ edge: world.edge.address, hotkey: world.hotkey, install })
    await expect(takeover(world.engine, '--yes')).rejects.toThrow(new RegExp(`the edge listens to ${world.edge.last?.install} by now[^]*docker rm`))
    expect(world.engine.rows).toHaveLength(1)
  })
})

describe('a new hotkey on an old host', () => {
  it('leaves the containers of the old one alone, and says that they are there', async () => {
    const world = await MinerWorld.make()
    try {
      const first = await world.up()
      const entry = world.entry()
      await world.running(entry)
      await first.stop()
      const hotkeyFile = join(world.config.state, '..', 'new-hotkey')
      await generateHotkey(hotkeyFile)
      world.edge.wish([])
      const before = world.edge.reports.length
      await world.up({ hotkeyFile, state: join(world.config.state, '..', 'new-state') })
      await until('it is counted', () => world.edge.reports.slice(before).some((r) => r.foreign === 1))
      expect(world.edge.last).toMatchObject({ unexplained: [], allocations: [] })
      expect(world.engine.row(entry.id)?.state).toBe('running')
    } finally {
      await world.close()
    }
  })
})

const engine = await testEngine()

describe.each([
  { name: 'boxes', driver: 'box' as const },
  { name: 'Docker', driver: engine },
])('with a real edge, on $name', ({ driver }) => {
  if (!driver) return void it.skip('needs an engine at DOCKER_HOST', () => undefined)

  let stack: TestStack
  const pair = keyPair()
  beforeAll(async () => {
    stack = await startStack({ driver })
  })
  afterAll(() => stack?.close())

  it('a lost state directory costs no tenant anything, and a lost host is told to the edge', async () => {
    const { key } = await stack.client()
    const [miner] = stack.miners
    if (!miner) throw new Error('no miner')
    const get = (id: string) => stack.edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)
    const { body: view } = await stack.edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [pair.public] }, { prefer: 'wait=60' })
    expect(view.state).toBe('running')
    const target = { port: view.endpoint?.port ?? 0, hostKey: view.endpoint?.host_key ?? '', privateKey: pair.private }
    const forget = async () => {
      await miner.stop()
      for (const name of await readdir(miner.config.state)) if (name !== 'boxes') await rm(join(miner.config.state, name), { recursive: true })
    }
    const takeover = (...argv: string[]) => computeMiner(miner.driver, 'takeover', ...flagsOf(miner.config), ...argv)

    await forget()
    expect((await takeover('--yes')).out).toContain(view.id)
    await miner.start()
    await readUntil(
      () => get(view.id),
      ({ body }) => body.state === 'running' && body.unreachable_since === null,
    )
    expect(await login(target, 'echo alive')).toMatchObject({ out: 'alive\n' })

    await forget()
    for (const install of await miner.driver.installs({ edge: stack.edge.address, hotkey: miner.hotkey })) {
      const owner = { edge: stack.edge.address, hotkey: miner.hotkey, install }
      for (const c of (await miner.driver.list(owner)).containers) await miner.driver.remove(owner, c)
    }
    expect(await takeover()).toMatchObject({ code: 1 })
    expect((await takeover('--yes')).out).toContain(`ended as lost: ${view.id}`)
    await miner.start()
    expect((await get(view.id)).body).toMatchObject({ state: 'failed', end_reason: 'lost' })
  })
})
