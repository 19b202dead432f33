import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMANDS } from '../node-agents/miner/commands/index.ts'
import { SETTINGS } from '../node-agents/miner/config.ts'
import { METRICS } from '../node-agents/miner/metrics.ts'
import type { AgentStatus } from '../node-agents/miner/status.ts'
import { Problem } from '../schema/index.ts'
import { computeMiner } from './support/compute-miner.ts'
import { MinerWorld } from './support/miner.ts'
import { run } from './support/process.ts'
import { freePorts } from './support/ssh.ts'
import { until } from './support/until.ts'

/** What the operator of a host does and sees. */

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const compute = (name: string, ...argv: string[]) => computeMiner(world.engine.driver(), name, ...argv)

const status = async (state = world.config.state) => JSON.parse((await compute('status', '--state', state, '--json')).out) as AgentStatus

describe('compute miner', () => {
  it('lists its commands, and names a wrong one', async () => {
    const help = await run('node-agents/main.ts', ['miner', '--help'])
    for (const name of Object.keys(COMMANDS)) expect(help.out).toContain(`  ${name} `)
    const wrong = await run('node-agents/main.ts', ['miner', 'frobnicate'])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('no command "frobnicate"') })
    for (const name of Object.keys(COMMANDS)) expect(wrong.err).toContain(name)
  })

  it.each(Object.keys(COMMANDS))('%s explains itself', async (name) => {
    const { code, out } = await run('node-agents/main.ts', ['miner', name, '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`compute miner ${name}`)
  })
})

describe('the control socket', () => {
  const socket = (state = world.config.state) => join(state, 'control.sock')

  it('is for its owner alone, replaces a dead one, and goes with the agent', async () => {
    await mkdir(world.config.state, { mode: 0o700 })
    await writeFile(socket(), 'left by a crash')
    const agent = await world.up()
    expect((await stat(socket())).mode & 0o777).toBe(0o600)
    expect((await stat(world.config.state)).mode & 0o777).toBe(0o700)
    expect((await status()).hotkey).toBe(world.hotkey)
    await agent.stop()
    expect(existsSync(socket())).toBe(false)
    await expect(compute('status', '--state', world.config.state)).rejects.toThrow(/no agent runs there/)
  })

  it('finds room when the state directory is too deep for one', async () => {
    const state = join(world.config.state, 'd'.repeat(100))
    const agent = await world.up({ state })
    expect(existsSync(socket(state))).toBe(false)
    expect((await status(state)).hotkey).toBe(world.hotkey)
    await agent.stop()
  })
})

describe('status', () => {
  it('shows the edge, the wish, every container and what is foreign', async () => {
    await world.up()
    const entry = world.entry()
    await world.running(entry)
    const seen = await status()
    expect(seen).toMatchObject({
      hotkey: world.hotkey,
      install: world.edge.last?.install,
      edge: { url: world.edge.url, address: world.edge.address },
      sync: { refusal: null, socket_up: true },
      wish: { epoch: 1, version: 1, fresh: true },
      engine: { ok: true },
      containers: [{ id: entry.id, incarnation: 1, phase: 'running', gpus: 1, trace: entry.trace }],
      unexplained: [],
      foreign: 0,
    })
    const { out } = await compute('status', '--state', world.config.state)
    for (const part of [world.hotkey, world.edge.url, entry.id, 'running', 'wake socket up']) expect(out).toContain(part)
    expect(out).not.toContain('WARNING')
  })

  it('says in words what the edge refuses, and forgets it when it is over', async () => {
    await world.up()
    world.edge.fault = (path) => {
      if (path === '/agent/sync') throw new Problem('agent_conflict')
    }
    world.edge.wake()
    const { refusal } = (await until('refused', async () => ((await status()).sync.refusal ? (await status()).sync : null))) ?? {}
    expect(refusal).toMatchObject({ code: 'agent_conflict', message: 'Another install speaks for this hotkey' })
    expect((await compute('status', '--state', world.config.state)).out).toContain('REFUSED')
    world.edge.fault = () => undefined
    world.edge.wake()
    await until('taken again', async () => (await status()).sync.refusal === null)
  })

  it('warns of a clock that is off', async () => {
    world.edge.skewMs = 3600_000
    await world.up()
    await until('a sync', async () => (await status()).sync.ok_at)
    const { clock_offset_ms: offset } = (await status()).sync
    expect(Math.abs((offset ?? 0) - 3600_000)).toBeLessThan(10_000)
    expect((await compute('status', '--state', world.config.state)).out).toMatch(/WARNING: 3\d\d\d\.\d s slow/)
  })
})

describe('confirm', () => {
  const confirm = (...argv: string[]) => compute('confirm', '--state', world.config.state, ...argv)

  it('shows what would be removed, removes what is named, and needs --yes for it', async () => {
    await world.up()
    expect(await confirm('--all', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('nothing to confirm') })
    const [one, two] = world.gpus.map((gpu) => world.entry({ gpus: [gpu] }))
    if (!one || !two) throw new Error('two GPUs')
    await world.running(one, two)
    world.edge.wish([])
    await until('both unexplained', async () => (await status()).unexplained.length === 2)
    expect((await compute('status', '--state', world.config.state)).out).toContain('waits for: compute miner confirm')
    const shown = await confirm()
    expect(shown).toMatchObject({ code: 1, out: expect.stringContaining('Nothing was removed') })
    for (const { id } of [one, two]) expect(shown.out).toContain(`${id}/1`)
    await expect(confirm('--yes')).rejects.toThrow(/--all/)
    await expect(confirm('--all', `${one.id}/1`)).rejects.toThrow(/not both/)
    await expect(confirm(`${one.id}/7`, '--yes')).rejects.toThrow(new RegExp(`not unexplained: ${one.id}/7; unexplained are`))
    expect(world.engine.rows).toHaveLength(2)
    expect(await confirm(`${two.id}/1`, '--yes')).toMatchObject({ code: 0, out: expect.stringContaining(`${two.id}/1`) })
    await until('one is gone', () => world.engine.rows.length === 1)
    expect(world.engine.row(one.id)?.state).toBe('running')
    expect(await confirm('--all', '--yes')).toMatchObject({ code: 0 })
    await until('both are gone', () => world.engine.rows.length === 0)
  })
})

describe('metrics', () => {
  it('have units and help, follow what happens, and are served at one address of this host alone', async () => {
    const metrics = { host: '127.0.0.1', port: (await freePorts(1))[0] ?? 0 }
    await world.up({ metrics })
    const entry = world.entry()
    await world.running(entry)
    const read = async () => (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text()
    const lines = (await until('the step', async () => ((await read()).includes('outcome="done"') ? await read() : null))).split('\n')
    const value = (name: string) =>
      Number(
        lines
          .find((l) => l.startsWith(`${name} `))
          ?.split(' ')
          .at(-1),
      )
    for (const [name, { kind, help }] of Object.entries(METRICS)) {
      expect(lines).toContain(`# HELP ${name} ${help}`)
      expect(lines).toContain(`# TYPE ${name} ${kind}`)
    }
    expect(value('compute_miner_containers{phase="running"}')).toBe(1)
    expect(value('compute_miner_containers{phase="gone"}')).toBe(0)
    expect(value('compute_miner_sync_total{outcome="ok"}')).toBeGreaterThan(0)
    expect(value('compute_miner_wake_socket_up')).toBe(1)
    expect(value('compute_miner_engine_up')).toBe(1)
    expect(value('compute_miner_wish_version')).toBe(world.edge.version)
    expect(value('compute_miner_sync_age_seconds')).toBeLessThan(60)
    expect(Math.abs(value('compute_miner_clock_offset_seconds'))).toBeLessThan(10)
    expect(value('compute_miner_disk_free_bytes')).toBe(900_000 * 1024 * 1024)
    expect(value('compute_miner_step_seconds_count{kind="run",outcome="done"}')).toBe(1)
    expect(lines.some((l) => l.startsWith('compute_miner_build_info{') && l.includes(`hotkey="${world.hotkey}"`))).toBe(true)
    world.edge.fault = (path) => {
      if (path === '/agent/sync') throw new Problem('agent_too_old')
    }
    world.edge.wake()
    await until('the refusal is counted', async () => (await read()).includes('compute_miner_sync_total{outcome="agent_too_old"} 1'))
    expect((await fetch(`http://127.0.0.1:${metrics.port}/`)).status).toBe(404)
  })

  it('say nothing before there is something to say, and no address taken by another ends the agent', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { lines } = await world.up({ metrics: { host: '127.0.0.1', port } })
    await world.running(world.entry())
    expect(lines.some((l) => l.includes('--metrics cannot be opened'))).toBe(true)
    taken.close()
  })

  it.each([
    ['9101', { host: '127.0.0.1', port: 9101 }],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
  ])('--metrics %s', (text, address) => expect(SETTINGS.metrics.parse.parse(text)).toEqual(address))
  it.each(['0.0.0.0:9101', '[::]:9101', ':::9101', 'localhost:1', 'x', '127.0.0.1', '127.0.0.1:70000'])('--metrics %s is refused', (text) =>
    expect(SETTINGS.metrics.parse.safeParse(text).success).toBe(false),
  )
})
