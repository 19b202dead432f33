import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Problem, encodeHotkey } from '../schema/index.ts'
import { generateHotkey, loadHotkey } from '../node-agents/core/hotkey.ts'
import type { CheckConfig } from '../node-agents/miner/config.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { noFirewall } from '../node-agents/miner/docker/firewall.ts'
import { PROBE_LABEL } from '../node-agents/miner/docker/quota.ts'
import { doctorCommand, type Outside } from '../node-agents/miner/doctor/command.ts'
import type { Finding } from '../node-agents/miner/doctor/finding.ts'
import { simulatedGpus } from '../node-agents/miner/simulate.ts'
import { newOwner, newSpec } from './support/container.ts'
import { imageWith, testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { FakeEdge } from './support/fake-edge.ts'
import { freePorts, holdPort } from './support/ssh.ts'
import { removeRules } from './support/world.ts'

/** `compute miner doctor`: what a good host gets, and one finding for each thing that is wrong with a bad one. */

const at = await testEngine()
const root = process.getuid?.() === 0
const PREFIX = 'cmptd'
/** Not one that rules for the other match. */
const OPEN = 'cmpte'

let dir = ''
let edge: FakeEdge
let config: CheckConfig
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doctor-'))
  await generateHotkey(join(dir, 'hotkey'))
  edge = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
  const [first = 0] = await freePorts(1)
  config = {
    edge: { url: edge.url, pin: edge.pin },
    hotkeyFile: join(dir, 'hotkey'),
    state: join(dir, 'state'),
    address: '127.0.0.1',
    bind: '127.0.0.1',
    ports: { first, last: first },
    images: [at?.image ?? 'none:1'],
    maxCpus: null,
    maxMemoryGb: null,
    simulateGpu: { model: 'NVIDIA H200', count: 2, vramMb: 143_771 },
    reconnectJitterMs: 10,
    missingAfterS: 120,
    prepull: false,
    metrics: null,
    chain: null,
    netuid: 27,
    axonIp: null,
    axonPort: 8091,
    disk: 'shared',
    diskReserveGb: 0.1,
    networks: '198.18.0.0/15',
    dns: ['1.1.1.1'],
    docker: at?.socket ?? join(dir, 'no-engine.sock'),
    logLevel: 'info',
  }
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await edge.stop()
  await rm(dir, { recursive: true, force: true })
})
afterAll(() => removeRules(PREFIX))

/** What the doctor says of this host, changed where a test needs it. */
async function examined(change: Partial<CheckConfig> = {}, outside: Partial<Outside> = {}) {
  let said = ''
  const code = await doctorCommand({ ...config, ...change }, ['--json'], { prefix: PREFIX, out: (line) => (said += line), ...outside })
  const { ok, findings } = JSON.parse(said) as { ok: boolean; findings: Finding[] }
  expect(code).toBe(ok ? 0 : 1)
  return { code, findings, of: (check: string) => findings.filter((f) => f.check === check) }
}
const nowhere = () => ({ docker: join(dir, 'no-engine.sock') })

describe('whatever the engine', () => {
  test('an engine that does not answer fails, and the rest is looked at all the same', async () => {
    const { code, of } = await examined(nowhere())
    expect(code).toBe(1)
    expect(of('engine')).toMatchObject([
      { status: 'fail', says: expect.stringMatching(/does not answer/), fix: expect.stringMatching(/systemctl start docker/) },
    ])
    expect(of('edge')).toMatchObject([{ status: 'ok' }])
  })

  test('a damaged hotkey file, a missing one, one that others may read', async () => {
    await writeFile(join(dir, 'damaged'), 'not a key')
    expect((await examined({ ...nowhere(), hotkeyFile: join(dir, 'damaged') })).of('hotkey')).toMatchObject([
      { status: 'fail', says: expect.stringMatching(/not a Bittensor key file/) },
    ])
    expect((await examined({ ...nowhere(), hotkeyFile: join(dir, 'absent') })).of('hotkey')).toMatchObject([
      { status: 'fail', fix: expect.stringMatching(/--hotkey-file/) },
    ])
    await chmod(config.hotkeyFile, 0o644)
    expect((await examined(nowhere())).of('hotkey')).toMatchObject([{ status: 'warn', fix: expect.stringMatching(/^chmod 600/) }])
  })

  test('ports that somebody else has', async () => {
    const release = await holdPort(config.ports.first)
    closing.push(async () => release?.())
    expect((await examined(nowhere())).of('ports')).toMatchObject([{ status: 'fail', fix: expect.stringMatching(/ss -tlnp/) }])
  })

  test('ports that outgoing connections use', async () => {
    expect((await examined({ ...nowhere(), ports: { first: 20_000, last: 60_000 } })).of('ports')).toMatchObject([{ status: 'warn' }, { status: 'ok' }])
  })

  test('an address that does not lead here', async () => {
    expect((await examined({ ...nowhere(), address: '127.0.0.2', bind: '127.0.0.3' })).of('address')).toMatchObject([
      { status: 'warn', fix: expect.stringMatching(/nc -v 127\.0\.0\.2/) },
    ])
  })

  test('an address that leads to somebody else who speaks first', async () => {
    const other = createServer((socket) => socket.end('SSH-2.0-other\r\n')).listen(config.ports.first, '127.0.0.2')
    await once(other, 'listening')
    closing.push(async () => other.close())
    expect((await examined({ ...nowhere(), address: '127.0.0.2', bind: '127.0.0.3' })).of('address')).toMatchObject([{ status: 'warn' }])
  })

  test('a state directory that others may look into', async () => {
    await mkdir(config.state, { mode: 0o755 })
    await chmod(config.state, 0o755)
    expect((await examined(nowhere())).of('state')).toMatchObject([{ status: 'warn', fix: `chmod 700 ${config.state}` }])
  })

  test('an edge that is away, another one, and one that does not take this hotkey', async () => {
    const other = { url: edge.url, pin: 'A'.repeat(43) }
    expect((await examined({ ...nowhere(), edge: other })).of('edge')).toMatchObject([{ status: 'fail', says: expect.stringMatching(/registration string/) }])
    edge.fault = (path) => {
      if (path.startsWith('/agent/takeover')) throw new Problem('not_admitted')
    }
    expect((await examined(nowhere())).of('admission')).toMatchObject([{ status: 'fail', fix: expect.stringMatching(/compute admin allow 5\w+ --role miner/) }])
    const { url } = edge
    await edge.stop()
    expect((await examined({ ...nowhere(), edge: { url, pin: 'A'.repeat(43) } })).of('edge')).toMatchObject([{ status: 'fail' }])
    await edge.start()
  })

  test('a clock an hour off, and one that is right', async () => {
    expect((await examined(nowhere())).of('clock')).toMatchObject([{ status: 'ok' }])
    edge.skewMs = 3600_000
    expect((await examined(nowhere())).of('clock')).toMatchObject([
      { status: 'warn', says: expect.stringMatching(/3600\.\d s behind/), fix: expect.stringMatching(/ntp/) },
    ])
  })

  test('is readable for people too, and refuses what it does not know', async () => {
    let said = ''
    expect(await doctorCommand({ ...config, ...nowhere() }, [], { prefix: PREFIX, out: (line) => (said += line) })).toBe(1)
    expect(said).toMatch(/^FAIL {2}engine/m)
    expect(said).toMatch(/^ +fix: systemctl start docker/m)
    await expect(doctorCommand(config, ['--jsno'])).rejects.toThrow(/knows no --jsno/)
  })
})

describe.skipIf(!at || !root)('on a real engine', () => {
  if (!at || !root) return void test('needs an engine at DOCKER_HOST, and root', () => undefined)
  const left = async () => [
    ...(await at.engine.list({ label: [PROBE_LABEL] })).map((row) => row.Id),
    ...(await at.engine.networks([])).filter((name) => name.startsWith(PREFIX) || name.startsWith(OPEN)),
  ]

  test('a good host passes every check, and nothing is left of the probe', async () => {
    const { code, findings } = await examined()
    expect(findings.filter((f) => f.status === 'fail')).toEqual([])
    expect(code).toBe(0)
    expect(findings).toEqual(
      expect.arrayContaining([expect.objectContaining({ check: 'isolation', status: 'ok', says: expect.stringMatching(/proved from inside/) })]),
    )
    for (const check of [
      'engine',
      'live-restore',
      'cgroup',
      'kernel',
      'seccomp',
      'userns',
      'apparmor',
      'gpu',
      'images',
      'disk',
      'disk bound',
      'rules',
      'dns',
      'ports',
      'address',
      'hotkey',
      'state',
      'edge',
      'admission',
      'clock',
    ])
      expect(findings.map((f) => f.check)).toContain(check)
    for (const f of findings) if (f.status === 'fail') expect(f.fix).not.toBeNull()
    expect(await left()).toEqual([])
  }, 120_000)

  test('it proves the cards of the host, and not while one is rented or nobody wants it', async () => {
    const owner = newOwner()
    const makeDriver = () => dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1', prefix: PREFIX })
    const { of } = await examined({}, { makeDriver })
    expect([...of('proof: python'), ...of('proof: selftest'), ...of('proof: arithmetic')]).toMatchObject([
      { status: 'warn' },
      { status: 'ok' },
      { status: 'ok' },
    ])
    expect(of('proof of GPU')).toMatchObject([{ status: 'ok', says: expect.stringMatching(/^a validator would say: simulated/) }])

    const [gpu] = simulatedGpus((await loadHotkey(config.hotkeyFile)).address, { model: 'NVIDIA H200', count: 2, vramMb: 143_771 })
    const { spec } = await newSpec(at.image, { gpus: [gpu?.uuid ?? ''] })
    const driver = makeDriver()
    await driver.run(owner, spec)
    closing.push(
      () => driver.remove(owner, spec),
      async () => driver.close?.(),
    )
    expect((await examined({}, { makeDriver })).of('proof of GPU')).toMatchObject([
      { status: 'warn', says: expect.stringMatching(/^not tried: 1 of 2 GPUs are rented/) },
    ])
    expect((await driver.list(owner)).containers).toMatchObject([{ state: 'running' }])

    let said = ''
    await doctorCommand(config, ['--json', '--no-proof'], { prefix: PREFIX, makeDriver, out: (line) => (said += line) })
    expect(said).not.toMatch(/proof/)
  }, 180_000)

  test('without rules it proves that the host is open', async () => {
    const { code, of } = await examined({}, { walls: noFirewall, prefix: OPEN })
    expect(code).toBe(1)
    expect(of('rules')).toMatchObject([{ status: 'fail' }])
    expect(of('isolation')).toMatchObject([{ status: 'fail', says: expect.stringMatching(/\(this host\)/) }])
    expect(await left()).toEqual([])
  }, 120_000)

  test('no image: nothing can be proved', async () => {
    const { of } = await examined({ images: ['compute-no-such-image:1'] })
    expect(of('images')).toMatchObject([{ status: 'fail', fix: 'docker pull compute-no-such-image:1' }])
    expect(of('isolation')).toMatchObject([{ status: 'fail' }])
  }, 120_000)

  test('an image that declares volumes: no tenant would get it', async () => {
    if (!at) return
    const { reference, remove } = await imageWith(at, 'VOLUME /data')
    try {
      const { of } = await examined({ images: [reference, at.image] })
      expect(of('images')).toMatchObject([
        { status: 'fail', says: expect.stringMatching(/declares volumes \(\/data\)/), fix: expect.stringMatching(/without VOLUME/) },
        { status: 'ok' },
      ])
    } finally {
      await remove()
    }
  }, 120_000)

  test('less room than stays reserved', async () => {
    expect((await examined({ images: null, diskReserveGb: 10_000_000 })).of('disk')).toMatchObject([{ status: 'fail', fix: expect.stringMatching(/prune/) }])
  }, 120_000)

  test('Ctrl-C in the middle leaves nothing of the probe', async () => {
    const stop = new AbortController()
    const going = doctorCommand(config, [], { prefix: PREFIX, out: () => undefined, signal: stop.signal })
    await eventually(async () => expect(await at.engine.list({ label: [PROBE_LABEL] })).not.toEqual([]))
    stop.abort()
    expect(await going).toBe(130)
    await eventually(async () => expect(await left()).toEqual([]))
  }, 120_000)

  test('a probe that was left by a doctor who died goes with the next', async () => {
    const id = await at.engine.create({ Image: at.image, Cmd: ['true'], Labels: { [PROBE_LABEL]: '1000' } })
    await examined()
    expect((await at.engine.list({ label: [PROBE_LABEL] })).map((row) => row.Id)).not.toContain(id)
  }, 120_000)
})
