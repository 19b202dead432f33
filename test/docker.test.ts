import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import type { ContainerSpec, Owner } from '../node-agents/core/ports.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { labelsOf } from '../node-agents/miner/docker/labels.ts'
import { newOwner, newSpec } from './support/container.ts'
import { containersOf, imageWith, testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { login } from './support/ssh.ts'
import { proxy } from './support/proxy.ts'

/** What only a real engine can show: the walls around a container, and an engine that goes away. */

/** The engine's own words, past our client. */
async function ask(socketPath: string, path: string): Promise<IncomingMessage> {
  const [response] = (await once(get({ socketPath, path }), 'response')) as [IncomingMessage]
  return response
}

const at = await testEngine()
const dead = () => dockerDriver({ socket: join(tmpdir(), 'no-engine-here.sock'), bindAddress: '127.0.0.1' })

describe('docker without an engine', () => {
  test('everything says away', async () => {
    const driver = dead()
    const owner = newOwner()
    const { spec, target } = await newSpec('any')
    const it = { ...spec, port: target.port }
    const acts = [
      driver.info(),
      driver.list(owner),
      driver.hasImage('any'),
      driver.pull('any', () => undefined, new AbortController().signal),
      driver.run(owner, spec),
      driver.start(owner, it),
      driver.stop(owner, it),
      driver.pause(owner, it),
      driver.unpause(owner, it),
      driver.rekey(owner, it, spec.authorizedKeys, true),
      driver.space(),
      driver.written(owner),
      driver.exec(owner, it, ['true'], {}, 1000),
      driver.remove(owner, it),
    ]
    await Promise.all(acts.map((act) => expect(act).rejects.toMatchObject({ name: 'DriverError', code: 'away' })))
  })

  test('watch waits for it and returns when told', async () => {
    const stop = new AbortController()
    let calls = 0
    const watching = dead().watch(newOwner(), () => calls++, stop.signal)
    await eventually(() => expect(calls).toBeGreaterThan(1))
    stop.abort()
    await watching
  })
})

describe.skipIf(!at)('docker', () => {
  if (!at) return void test('needs an engine at DOCKER_HOST', () => undefined)
  const driver = dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1' })
  const owners: Owner[] = []

  const running = async (over: Partial<ContainerSpec> = {}) => {
    const owner = newOwner()
    owners.push(owner)
    const { spec, target } = await newSpec(at.image, over)
    const { port } = await driver.run(owner, spec)
    return { owner, spec, target: { ...target, port }, it: { ...spec, port } }
  }
  const inside = async (script: string, over: Partial<ContainerSpec> = {}) => {
    const { target } = await running(over)
    return (await eventually(() => login(target, script))).out.trim()
  }

  afterEach(async () => {
    for (const owner of owners.splice(0)) for (const c of (await driver.list(owner)).containers) await driver.remove(owner, c)
  })

  test('a session has the few capabilities it needs, no new privileges, the seccomp filter', async () => {
    const status = await inside('cat /proc/self/status')
    expect(status).toMatch(/^CapEff:\s+00000000200400eb$/m)
    expect(status).toMatch(/^CapBnd:\s+00000000200400eb$/m)
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
  })

  test('is bounded in memory, processes, shared memory and processor time', async () => {
    const limits = { cpus: 0.5, memory_mb: 128, shm_mb: 32, disk_gb: 1, pids: 100 }
    const read = (v2: string, v1: string) => `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`
    const script = [
      read('memory.max', 'memory/memory.limit_in_bytes'),
      read('pids.max', 'pids/pids.max'),
      'df -B1 --output=size /dev/shm | tail -1',
      read('cpu.max', 'cpu/cpu.cfs_quota_us'),
    ].join('; ')
    const [memory, pids, shm, quota = ''] = (await inside(script, { limits })).split('\n')
    expect([Number(memory), Number(pids), Number(shm), Number.parseInt(quota, 10)]).toEqual([128 * 2 ** 20, 100, 32 * 2 ** 20, 50_000])
  })

  test('sees nothing of the host: no engine socket, no mounts, no devices, no GPU', async () => {
    const out = await inside(
      'ls -d /var/run/docker.sock /run/docker.sock 2>/dev/null; grep " /dev/[vsn]d" /proc/self/mounts | cut -d" " -f2; mount -t tmpfs none /mnt && echo mounted; mknod /tmp/m b 8 0 && echo node; tr "\\0" "\\n" </proc/1/environ | grep NVIDIA',
    )
    expect(out.split('\n').filter((line) => !/^\/etc\/(hosts|hostname|resolv\.conf)$/.test(line))).toEqual(['NVIDIA_VISIBLE_DEVICES=void'])
  })

  test('labels and engine environment hold no secret', async () => {
    const { spec, owner, it } = await running({ env: { TOKEN: 'hunter2-hunter2' } })
    const [id = ''] = await containersOf(at, spec.allocation)
    const raw = await text(await ask(at.socket, `/containers/${id}/json`))
    const { Config } = JSON.parse(raw) as { Config: { Labels: Record<string, string> } }
    expect(Config.Labels).toMatchObject(labelsOf(owner, it))
    expect(raw).not.toMatch(/hunter2|PRIVATE KEY/)
  })

  test('login shells keep the PATH of the image and the client', async () => {
    expect(await inside('sh -lc "echo \\$PATH"', { env: { PATH: '/opt/tools/bin:/usr/bin:/bin' } })).toBe('/opt/tools/bin:/usr/bin:/bin')
  })

  test('names a missing image', async () => {
    const { spec } = await newSpec('compute-no-such-image:1')
    expect(await driver.hasImage(spec.image)).toBe(false)
    await expect(driver.run(newOwner(), spec)).rejects.toMatchObject({ code: 'image_missing' })
    expect(await containersOf(at, spec.allocation)).toEqual([])
  })

  test('refuses an image that declares volumes, before anything is made: nothing would bound them', async () => {
    const { reference, remove } = await imageWith(at, 'VOLUME ["/data", "/var/cache"]')
    try {
      const { spec } = await newSpec(reference)
      let made = 0
      const refused = driver.run(newOwner(), spec, undefined, () => made++)
      await expect(refused).rejects.toMatchObject({ code: 'image_refused', message: expect.stringMatching(/\/data, \/var\/cache.*without VOLUME/) })
      expect([made, await containersOf(at, spec.allocation)]).toEqual([0, []])
    } finally {
      await remove()
    }
  })

  test('names GPUs the engine cannot give, and leaves nothing', async () => {
    const { spec } = await newSpec(at.image, { simulated: false })
    await expect(driver.run(newOwner(), spec)).rejects.toMatchObject({ code: 'gpu_unavailable' })
    expect(await containersOf(at, spec.allocation)).toEqual([])
  })

  test('refuses more processors than there are, and no bound at all', async () => {
    const limits = { cpus: 4000, memory_mb: 128, shm_mb: 0, disk_gb: 1, pids: 100 }
    for (const bad of [limits, { ...limits, cpus: 1, memory_mb: 0 }, { ...limits, cpus: 1, pids: 0 }]) {
      const { spec } = await newSpec(at.image, { limits: bad })
      await expect(driver.run(newOwner(), spec)).rejects.toMatchObject({ code: 'limits_refused' })
    }
  })

  test('removes a paused container and one that is being removed', async () => {
    const made = await running()
    await at.engine.pause((await containersOf(at, made.spec.allocation))[0] ?? '')
    expect((await driver.list(made.owner)).containers).toMatchObject([{ state: 'paused' }])
    await Promise.all([1, 2, 3].map(() => driver.remove(made.owner, made.spec)))
    expect(await containersOf(at, made.spec.allocation)).toEqual([])
  })

  test('one that was killed says whether memory had run out', async () => {
    const [greedy, other] = [await running({ limits: { cpus: 1, memory_mb: 64, shm_mb: 0, disk_gb: 1, pids: 100 } }), await running()]
    await eventually(() => login(greedy.target, 'true'))
    await driver.exec(greedy.owner, greedy.it, ['sh', '-c', 'head -c 500m /dev/zero | tail'], {}, 20_000)
    for (const [{ owner, spec }, oomKilled] of [
      [greedy, true],
      [other, false],
    ] as const) {
      const [id = ''] = await containersOf(at, spec.allocation)
      const [killed] = (await once(request({ socketPath: at.socket, path: `/containers/${id}/kill`, method: 'POST' }).end(), 'response')) as [IncomingMessage]
      expect(killed.statusCode).toBe(204)
      await eventually(async () => expect((await driver.list(owner)).containers).toMatchObject([{ state: 'exited', exitCode: 137, oomKilled }]))
    }
  })

  test('an agent that died between create and start: the next run starts afresh', async () => {
    const owner = newOwner()
    owners.push(owner)
    const { spec, target } = await newSpec(at.image)
    const name = `compute-${spec.allocation}-1`
    await at.engine.create({ name, Image: at.image, Cmd: ['true'], Labels: labelsOf(owner, { ...spec, port: 1 }) })
    expect((await driver.list(owner)).containers).toMatchObject([{ state: 'created', started: false }])
    const { port } = await driver.run(owner, spec)
    expect(await eventually(() => login({ ...target, port }, 'echo here'))).toMatchObject({ out: 'here\n' })
  })

  test('an engine that dies in the middle is away; watch finds it again', async () => {
    const front = await proxy(at.socket)
    try {
      const through = dockerDriver({ socket: front.path, bindAddress: '127.0.0.1' })
      const { owner, it } = await running()
      const stop = new AbortController()
      let calls = 0
      const watching = through.watch(owner, () => calls++, stop.signal)
      await eventually(() => expect(calls).toBeGreaterThan(0))
      const waits = expect(through.exec(owner, it, ['sleep', '30'], {}, 60_000)).rejects.toMatchObject({ code: 'away' })
      await eventually(async () => expect((await driver.exec(owner, it, ['sh', '-c', 'pgrep -x sleep'], {}, 5000)).exitCode).toBe(0))
      await front.down()
      await waits
      await expect(through.list(owner)).rejects.toMatchObject({ code: 'away' })
      await front.up()
      expect((await through.list(owner)).containers).toHaveLength(1)
      const before = calls
      await eventually(() => expect(calls).toBeGreaterThan(before))
      await eventually(async () => {
        const seen = calls
        await driver.stop(owner, it)
        await driver.start(owner, it)
        await eventually(() => expect(calls).toBeGreaterThanOrEqual(seen + 2), 1000)
      })
      stop.abort()
      await watching
    } finally {
      await front.close()
    }
  })
})
