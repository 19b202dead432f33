import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeHotkey, Problem } from '../schema/index.ts'
import { computeMiner, flagsOf } from './support/compute-miner.ts'
import { eventually } from './support/eventually.ts'
import { FakeEdge } from './support/fake-edge.ts'
import { MinerWorld } from './support/miner.ts'
import { freePorts, keyPair } from './support/ssh.ts'
import { until } from './support/until.ts'

/** Disks that fill, clocks that lie, edges that change, and logs that are read by others. */

let world: MinerWorld
beforeEach(async () => {
  world = await MinerWorld.make()
})
afterEach(() => world.close())

const HOUR = 3600_000

/** A disk of its own that can be filled; null where nobody may mount. */
async function smallDisk(): Promise<{ path: string; fill(): Promise<void>; free(): Promise<void>; remove(): Promise<void> } | null> {
  const path = await mkdtemp(join(tmpdir(), 'small-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    await rm(path, { recursive: true })
    return null
  }
  return {
    path,
    fill: async () => writeFile(join(path, 'full'), randomBytes(2 * 1024 * 1024)).catch(() => undefined), // until it is full
    free: () => rm(join(path, 'full')),
    remove: async () => {
      execFileSync('umount', ['-l', path])
      await rm(path, { recursive: true })
    },
  }
}

const disk = await smallDisk()
await disk?.remove()

describe.skipIf(!disk)('a full disk at the start', () => {
  it('stops neither reports nor what must end; it is said once, and new rentals go elsewhere', async () => {
    const small = await smallDisk()
    if (!small) throw new Error('no disk')
    const state = join(small.path, 'state')
    try {
      const first = await world.up({ state })
      const entry = world.entry()
      await world.running(entry)
      await first.stop()
      await small.fill()
      const before = world.edge.reports.length
      const { lines, stop } = await world.up({ state })
      await until('it reports', () => world.edge.reports.length > before && world.phase(entry.id) === 'running')
      expect(world.edge.last?.seq).toBeGreaterThan(world.edge.reports[before - 1]?.seq ?? Infinity)
      const other = world.entry({ gpus: world.gpus.slice(1) })
      world.edge.wish([world.tombstone(entry), other])
      await until('gone', () => world.phase(entry.id) === 'gone')
      await until('refused', () => world.edge.fact(other.id)?.error?.code === 'disk_full')
      expect(lines.filter((l) => l.includes('numbered from the clock'))).toHaveLength(1)
      await small.free()
      await world.running({ ...other, incarnation: 2, generation: 2 })
      await stop()
    } finally {
      await small.remove()
    }
  })
})

describe('another edge where ours was', () => {
  it('is refused again and again, while tenants stay', async () => {
    const first = await world.up()
    const entry = world.entry()
    await world.running(entry)
    await first.stop()
    const other = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
    try {
      const { lines } = world.start({ edge: { url: other.url, pin: other.pin } })
      await until('it says so', () => lines.filter((l) => l.includes('"level":"error"') && l.includes('belongs to the edge')).length > 1, 20_000)
      expect(world.engine.row(entry.id)?.state).toBe('running')
      expect(other.reports).toEqual([])
      expect(other.registrations).toEqual([])
    } finally {
      await other.stop()
    }
  })

  it('is a mistake at the start where nothing is rented', async () => {
    const first = await world.up()
    await first.stop()
    const other = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
    try {
      await expect(world.start({ edge: { url: other.url, pin: other.pin } }).ended).rejects.toThrow(/belongs to the edge .* give each edge its own --state/)
    } finally {
      await other.stop()
    }
  })
})

describe.each([
  ['an hour behind the edge', HOUR],
  ['an hour ahead of the edge', -HOUR],
])('a clock %s', (_, skewMs) => {
  it('ends a rental at its time, not before, also with the edge away', async () => {
    world.edge.skewMs = skewMs
    await world.up()
    const lease = 4000
    const end = performance.now() + lease
    const entry = world.entry({ expires_at_ms: world.edge.now() + lease })
    await world.running(entry)
    await world.edge.stop()
    await until('it ended', () => world.engine.rows.length === 0, 60_000)
    expect(performance.now()).toBeGreaterThanOrEqual(end - 200) // the edge's time comes in whole milliseconds, over a network
    await world.edge.start()
  })

  it('that jumps there while running ends nothing early, and syncs on', async () => {
    await world.up()
    const entry = world.entry({ expires_at_ms: Date.now() + 10 * HOUR })
    await world.running(entry)
    world.edge.skewMs = skewMs // to each other it is the same which of the two jumped
    const before = world.edge.reports.length
    world.edge.wake()
    await until('a report', () => world.edge.reports.length > before)
    expect(world.edge.refused).toContain('stale')
    expect(world.phase(entry.id)).toBe('running')
    await eventually(async () => {
      const { out } = await computeMiner(world.engine.driver(), 'status', '--state', world.config.state)
      expect(out).toContain(`s ${skewMs > 0 ? 'slow' : 'fast'} by the edge's time`)
    })
  })
})

describe('an agent too old for its edge', () => {
  it('keeps what it holds and its end, and says what to do', async () => {
    const { lines } = await world.up()
    const [short, long] = [world.entry({ expires_at_ms: world.edge.now() + 5000 }), world.entry({ gpus: world.gpus.slice(1) })]
    await world.running(short, long)
    world.edge.fault = (path) => {
      if (path === '/agent/sync') throw new Problem('agent_too_old')
    }
    world.edge.wish([])
    await until('it says so', () => lines.some((l) => l.includes('upgrade it')))
    await until('its time is over', () => !world.engine.row(short.id), 60_000)
    expect(world.engine.row(long.id)?.state).toBe('running')
  })
})

describe('log lines', () => {
  it('carry the trace of the allocation they are about, and no secret', async () => {
    const metrics = { host: '127.0.0.1', port: (await freePorts(1))[0] ?? 0 }
    const { lines, stop } = await world.up({ metrics })
    const secret = 'hunter2-is-my-password'
    const [old, fresh] = [keyPair(), keyPair()]
    const entry = world.entry({ env: { TOKEN: secret, PLAIN: secret }, ssh_keys: [old.public], init: [['sh', '-c', `echo ${secret}`]] })
    world.engine.exec = () => ({ exitCode: 0, output: secret })
    await world.running(entry)
    world.edge.wish([{ ...entry, generation: 2, ssh_keys: [fresh.public], keys_n: 2, restart_n: 1 }])
    await until('done', () => world.edge.fact(entry.id)?.keys_n === 2 && world.edge.fact(entry.id)?.restart_n === 1)
    await world.engine.exit(entry.id)
    await until('again', () => world.edge.fact(entry.id)?.phase === 'running' && world.engine.row(entry.id)?.state === 'running')
    const shown = [await computeMiner(world.engine.driver(), 'status', '--state', world.config.state, '--json')].map((s) => s.out)
    shown.push(await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text())
    const failing = world.entry({ gpus: world.gpus.slice(1), env: { A: secret }, init: [['false', secret]] })
    world.engine.exec = () => ({ exitCode: 1, output: secret })
    world.edge.wish([{ ...entry, generation: 2, ssh_keys: [fresh.public], keys_n: 2, restart_n: 1 }, failing])
    await until('failed', () => world.phase(failing.id) === 'failed')
    world.edge.wish([]) // all of it unexplained now
    await until('unexplained', () => (world.edge.last?.unexplained.length ?? 0) > 0)
    await computeMiner(world.engine.driver(), 'confirm', '--state', world.config.state, '--all', '--yes')
    await until('gone', () => world.engine.row(entry.id) === undefined)

    const about = lines.map((l) => JSON.parse(l) as Record<string, unknown>).filter((l) => JSON.stringify(l).includes(entry.id))
    expect(about.length).toBeGreaterThan(5)
    for (const line of about) expect(JSON.stringify(line)).toContain(entry.trace)
    await stop()
    shown.push((await computeMiner(world.engine.driver(), 'takeover', ...flagsOf(world.config))).out)
    const all = [...lines, ...shown].join('\n')
    const secrets = [secret, old.public.split(' ')[1] ?? '', fresh.public.split(' ')[1] ?? '', 'PRIVATE KEY', old.private.split('\n')[1] ?? '', '"jws":"ey']
    for (const never of secrets) expect(all).not.toContain(never)
    expect(all).not.toMatch(/0x[0-9a-f]{64}/)
  })
})
