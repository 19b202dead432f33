import { afterEach, describe, expect, test } from 'vitest'
import type { Driver } from '../node-agents/core/ports.ts'
import { makeLog } from '../node-agents/core/log.ts'
import type { MinerConfig } from '../node-agents/miner/config.ts'
import type { Way } from '../node-agents/miner/docker/bound.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { noFirewall } from '../node-agents/miner/docker/firewall.ts'
import { runMiner } from '../node-agents/miner/main.ts'
import { testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { MinerWorld } from './support/miner.ts'
import { keyPair, login } from './support/ssh.ts'
import { until } from './support/until.ts'

/** A tenant that writes without end fills neither the host's disk nor anybody's patience but its own. */

const GB = 1024
const at = await testEngine()
const root = process.getuid?.() === 0
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
}, 60_000)

async function agent(driver: Driver, world: MinerWorld, config: Partial<MinerConfig>) {
  const stop = new AbortController()
  const ended = runMiner({ ...world.config, ...config }, driver, stop.signal, makeLog('fatal', 'miner'))
  closing.push(async () => {
    stop.abort()
    await ended
  })
  await until('a wake socket', () => world.edge.sockets.size > 0, 30_000)
}

async function newWorld(): Promise<MinerWorld> {
  const world = await MinerWorld.make()
  closing.push(() => world.close())
  return world
}

/** An agent with two tenants, on a disk that is what a test says. */
async function twoTenants() {
  const world = await newWorld()
  /** What each wrote; null: it cannot be measured. */
  const disk = { freeMb: 50 * GB, totalMb: 100 * GB, freeInodes: 1, wrote: new Map<string, number | null>() }
  const memory = world.engine.driver()
  const written = ({ allocation }: { allocation: string }) => (disk.wrote.has(allocation) ? (disk.wrote.get(allocation) ?? null) : 0)
  const driver: Driver = {
    ...memory,
    space: async () => ({ freeMb: disk.freeMb, totalMb: disk.totalMb, freeInodes: disk.freeInodes }),
    written: async (owner) => (await memory.written(owner)).map((w) => ({ ...w, mb: written(w) })),
  }
  await agent(driver, world, { diskReserveGb: 10 })
  const limits = { cpus: 1, memory_mb: 256, shm_mb: 64, disk_gb: 80, pids: 256 }
  const [greedy, modest] = [world.entry({ limits }), world.entry({ limits, gpus: world.gpus.slice(1, 2) })]
  await world.running(greedy, modest)
  return { world, disk, greedy, modest, error: (id = greedy.id) => world.edge.fact(id)?.error }
}

test('who is over its share is paused and told, nobody else; an act or room lets it go', async () => {
  const { world, disk, greedy, modest, error } = await twoTenants()
  disk.wrote.set(greedy.id, 40 * GB)
  disk.freeMb = 9 * GB
  await until('it is paused', () => world.phase(greedy.id) === 'paused', 30_000)
  expect(error()).toMatchObject({
    code: 'disk_full',
    message: expect.stringMatching(/wrote 40960 MB and may have 19968 MB.*restart it, or pause and resume it/),
  })
  expect(world.phase(modest.id)).toBe('running')
  world.engine.poke()

  const acted = { ...greedy, generation: 2, restart_n: 1 }
  world.edge.wish([acted, modest])
  await until('it may clean up', () => world.phase(greedy.id) === 'running', 30_000)
  disk.wrote.set(greedy.id, 45 * GB)
  await until('it wrote even more', () => world.phase(greedy.id) === 'paused', 30_000)

  disk.freeMb = 60 * GB
  disk.wrote.set(greedy.id, 20 * GB)
  await until('room is back', () => world.phase(greedy.id) === 'running', 30_000)
  expect(error()).toBeNull()
  expect(world.phase(modest.id)).toBe('running')
}, 120_000)

test('who cannot be measured when room is short is paused and told, and hides nobody else', async () => {
  const { world, disk, greedy, modest, error } = await twoTenants()
  disk.wrote.set(greedy.id, null)
  disk.wrote.set(modest.id, 5 * GB)
  disk.freeMb = 9 * GB
  await until('it is paused', () => world.phase(greedy.id) === 'paused', 30_000)
  expect(error()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/too many to be measured.*9216 MB left of the 10240 MB.*delete files/) })
  expect(world.phase(modest.id)).toBe('running')

  disk.wrote.set(modest.id, 7 * GB) // it could not hide behind the other
  disk.freeMb = 7 * GB
  await until('the other is paused', () => world.phase(modest.id) === 'paused', 30_000)
  expect(error(modest.id)).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/wrote 7168 MB and may have 5120 MB/) })

  const acted = { ...greedy, generation: 2, restart_n: 1 }
  world.edge.wish([acted, modest])
  await until('it may clean up', () => world.phase(greedy.id) === 'running', 30_000)
  const writes = () => (disk.freeMb = Math.max(0, disk.freeMb - 1))
  await until('it wrote even more', () => writes() >= 0 && world.phase(greedy.id) === 'paused', 30_000)
  disk.freeMb = 60 * GB
  await until('room is back', () => world.phase(greedy.id) === 'running' && world.phase(modest.id) === 'running', 30_000)
}, 120_000)

test('inodes are room too', async () => {
  const { world, disk, greedy, modest, error } = await twoTenants()
  disk.wrote.set(greedy.id, null)
  disk.freeInodes = 0.019
  await until('it is paused', () => world.phase(greedy.id) === 'paused', 30_000)
  expect(error()).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/1\.9 % of its room for files left/) })
  expect(world.phase(modest.id)).toBe('running')
  disk.freeInodes = 0.5
  await until('room is back', () => world.phase(greedy.id) === 'running', 30_000)
}, 120_000)

describe.skipIf(!at)('on a real engine', () => {
  if (!at) return void test('needs an engine at DOCKER_HOST', () => undefined)

  test.skipIf(!root)('it holds for those with a disk of their own too', () => reserveHolds(['volume'], '/work'), 240_000)
  test('the reserve holds while a tenant writes without end, and its neighbour works on', () => reserveHolds(['quota'], '/root'), 240_000)

  const reserveHolds = async (ways: readonly Way[], folder: string) => {
    const world = await newWorld()
    const driver = dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1', prefix: 'cmptg', walls: noFirewall, ways })
    closing.push(async () => driver.close?.())
    const key = keyPair()
    const { freeMb } = await driver.space()
    await agent(driver, world, { images: [at.image], diskReserveGb: (freeMb - 300) / GB })
    const rented = { image: at.image, ssh_keys: [key.public], limits: { cpus: 1, memory_mb: 256, shm_mb: 64, disk_gb: 100, pids: 256 } }
    const [greedy, modest] = [world.entry({ ...rented, gpus: world.gpus.slice(0, 1) }), world.entry({ ...rented, gpus: world.gpus.slice(1, 2) })]
    closing.push(async () => {
      world.edge.wish([world.tombstone(greedy), world.tombstone(modest)])
      await until('both are gone', () => [greedy, modest].every((e) => world.phase(e.id) === 'gone'), 60_000)
    })
    world.edge.wish([greedy, modest])
    await until('both run', () => [greedy, modest].every((e) => world.phase(e.id) === 'running'), 60_000)
    const inside = (id: string, command: string) => {
      const endpoint = world.edge.fact(id)?.endpoint
      return login({ port: endpoint?.port ?? 0, hostKey: endpoint?.host_key ?? '', privateKey: key.private }, command)
    }
    // Without end, but for this test: 2 GB at most.
    await inside(
      greedy.id,
      `nohup sh -c 'i=0; while [ $i -lt 100 ]; do head -c 20M /dev/zero >> ${folder}/fill; sleep 0.1; i=$((i + 1)); done' >/dev/null 2>&1 &`,
    )
    await until('it is paused', () => world.phase(greedy.id) === 'paused', 60_000)
    expect(world.edge.fact(greedy.id)?.error).toMatchObject({ code: 'disk_full' })
    expect(world.phase(modest.id)).toBe('running')
    expect((await inside(modest.id, `echo works > ${folder}/note && cat ${folder}/note`)).out).toBe('works\n')

    world.edge.wish([{ ...greedy, generation: 2, restart_n: 1 }, modest])
    await until('it may clean up', () => world.phase(greedy.id) === 'running', 60_000)
    const { out } = await eventually(() => inside(greedy.id, `stat -c %s ${folder}/fill && rm ${folder}/fill`))
    expect(Number(out)).toBeGreaterThan(100 * 2 ** 20)
    expect(Number(out)).toBeLessThan(2000 * 2 ** 20)
    expect(world.phase(greedy.id)).toBe('running')
  }
})
