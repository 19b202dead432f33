import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerSpec, Driver, Owner } from '../node-agents/core/ports.ts'
import { Bounding, WAYS } from '../node-agents/miner/docker/bound.ts'
import { dockerDriver, type DockerOptions } from '../node-agents/miner/docker/driver.ts'
import { noFirewall } from '../node-agents/miner/docker/firewall.ts'
import { labelsOf } from '../node-agents/miner/docker/labels.ts'
import { type Tool, tool } from '../node-agents/miner/docker/tool.ts'
import { disk } from '../node-agents/miner/doctor/host.ts'
import { newOwner, newSpec } from './support/container.ts'
import { containersOf, testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { login } from './support/ssh.ts'

/** Disks of a fixed size, one for each container, on a real engine. Needs root, for loop devices. */

const at = await testEngine()
const root = process.getuid?.() === 0
const PREFIX = 'cmptv'
const run = promisify(execFile)

describe.skipIf(!at || !root)('a disk of its own', () => {
  if (!at || !root) return void test('needs an engine at DOCKER_HOST, and root', () => undefined)
  let folder = ''
  const drivers: Driver[] = []
  const owners: Owner[] = []

  const newDriver = async (over: Partial<DockerOptions> = {}) => {
    const driver = dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1', prefix: PREFIX, walls: noFirewall, ways: ['volume'], ...over })
    drivers.push(driver)
    await driver.info()
    return driver
  }
  const someone = () => {
    const owner = newOwner()
    owners.push(owner)
    return owner
  }
  const rent = async (driver: Driver, owner = someone(), over: Partial<ContainerSpec> = {}) => {
    const { spec, target } = await newSpec(at.image, over)
    const { port } = await driver.run(owner, spec)
    const reached = { ...target, port }
    await eventually(() => login(reached, 'true'))
    return { owner, spec, it: { ...spec, port }, sh: async (script: string) => (await login(reached, script)).out.trim() }
  }

  const files = async () => (await readdir(folder)).filter((name) => name.startsWith(PREFIX)).toSorted()
  const images = async () => (await files()).filter((name) => name.endsWith('.img'))
  const loops = async () =>
    (await run('losetup', ['-n', '-O', 'NAME,BACK-FILE'])).stdout
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([device, file]) => (device && file?.startsWith(join(folder, PREFIX)) ? [{ device, file }] : []))
  const volumes = async () => (await readdir(join(folder, '..', 'volumes'))).filter((name) => name.startsWith(PREFIX))
  const left = async () => [...(await files()), ...(await loops()).map((l) => l.device), ...(await volumes())]

  /** A tool that dies with its agent: where told, before or after that step, and with everything from then on. */
  const dies = (when: 'before' | 'after', step: RegExp): Tool => {
    let dead = false
    return async (file, args, input) => {
      const here = !dead && step.test([file, ...args].join(' '))
      dead ||= here
      if (here && when === 'after') await tool(file, args, input)
      if (dead) throw new Error('the agent is dead')
      return tool(file, args, input)
    }
  }

  beforeAll(async () => {
    folder = join((await at.engine.info()).DockerRootDir, 'compute-disks')
    await mkdir(folder, { recursive: true, mode: 0o700 })
  })
  afterEach(async () => {
    const cleaner = dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1', prefix: PREFIX, walls: noFirewall })
    for (const owner of owners.splice(0)) for (const c of (await cleaner.list(owner)).containers) await cleaner.remove(owner, c)
    for (const driver of [...drivers.splice(0), cleaner]) await driver.close?.()
    for (const name of await volumes()) await at.engine.removeVolume(name)
    for (const { device } of await loops()) await run('losetup', ['-d', device])
    for (const name of await files()) await rm(join(folder, name))
  }, 60_000)

  test('holds what was asked for and no more, is empty at first, and is named to its tenant', async () => {
    const driver = await newDriver()
    expect(await driver.info()).toMatchObject({ disk: 'volume' })
    const me = await rent(driver)
    expect(await me.sh('ls -A /work; stat -c "%U %a" /work; echo $COMPUTE_WORK_GB')).toBe('root 755\n1')
    expect(await me.sh('sh -lc true; sh -lic true 2>/dev/null')).toBe('/work is yours: 1 GB of disk. Keep your files there.')
    const most = await me.sh('head -c 1200M /dev/zero > /work/fill 2>/tmp/why; grep -o "No space left on device" /tmp/why; stat -c %s /work/fill')
    const [why, bytes] = most.split('\n')
    expect(why).toBe('No space left on device')
    expect(Number(bytes)).toBeGreaterThan(850 * 2 ** 20)
    expect(Number(bytes)).toBeLessThan(1024 * 2 ** 20)
    expect(await me.sh('echo elsewhere > /root/note && cat /root/note')).toBe('elsewhere')
  }, 120_000)

  test('counts what is in it, and gives back what was deleted', async () => {
    const driver = await newDriver()
    const me = await rent(driver)
    const written = async () => (await driver.written(me.owner))[0]
    await me.sh('head -c 100M /dev/urandom > /work/data; head -c 20M /dev/urandom > /root/data; sync')
    await eventually(async () => expect((await written())?.boundMb).toBeGreaterThanOrEqual(100))
    const full = await written()
    expect((full?.mb ?? 0) - (full?.boundMb ?? 0)).toBeGreaterThanOrEqual(20)
    expect((full?.mb ?? 0) - (full?.boundMb ?? 0)).toBeLessThan(60)
    await me.sh('rm /work/data; sync')
    await eventually(async () => expect((await written())?.boundMb).toBeLessThan(50), 60_000)
  }, 120_000)

  test('stays over pause, restart and another agent, and goes with its container', async () => {
    const driver = await newDriver()
    const me = await rent(driver)
    await me.sh('echo mine > /work/note; sync')
    await driver.pause(me.owner, me.it)
    await driver.unpause(me.owner, me.it)
    const next = await newDriver()
    expect((await next.list(me.owner)).containers).toHaveLength(1)
    await next.close?.() // its look for leftovers is over
    await next.stop(me.owner, me.it)
    await next.start(me.owner, me.it)
    expect(await eventually(() => me.sh('cat /work/note'))).toBe('mine')
    await next.remove(me.owner, me.spec)
    expect(await left()).toEqual([])
  }, 120_000)

  test('two containers have two, of their sizes', async () => {
    const driver = await newDriver()
    const owner = someone()
    const [one, other] = [await rent(driver, owner), await rent(driver, owner, { limits: { cpus: 1, memory_mb: 256, shm_mb: 64, disk_gb: 3, pids: 256 } })]
    const size = 'df -BM --output=size /work | tail -1'
    expect(Number.parseInt(await one.sh(`echo one > /work/note; ${size}`), 10)).toBeLessThan(1024)
    expect(Number.parseInt(await other.sh(`echo other > /work/note; ${size}`), 10)).toBeGreaterThan(2048)
    expect([await one.sh('cat /work/note'), await other.sh('cat /work/note')]).toEqual(['one', 'other'])
    await driver.remove(owner, one.spec)
    expect(await images()).toHaveLength(1)
    expect(await other.sh('cat /work/note')).toBe('other')
  }, 120_000)

  test('is found again after a boot of the host, when its loop device is somebody else’s', async () => {
    const driver = await newDriver()
    const me = await rent(driver)
    await me.sh('echo mine > /work/note; sync')
    await driver.stop(me.owner, me.it)
    const [was] = await loops()
    await run('losetup', ['-d', was?.device ?? ''])
    const foreign = join(folder, 'foreign.img')
    await writeFile(foreign, Buffer.alloc(2 ** 20))
    await run('losetup', [was?.device ?? '', foreign])
    try {
      await driver.start(me.owner, me.it)
      expect(await eventually(() => me.sh('cat /work/note'))).toBe('mine')
      const [now] = await loops()
      expect(now?.device).not.toBe(was?.device)
    } finally {
      await run('losetup', ['-d', was?.device ?? ''])
      await rm(foreign)
    }
  }, 120_000)

  test('is nobody else’s after a boot of the host, even when a container is started past the agent', async () => {
    const [driver, owner] = [await newDriver(), someone()]
    const [one, other] = [await rent(driver, owner), await rent(driver, owner)]
    for (const each of [one, other]) await each.sh(`echo ${each.spec.allocation} > /work/note; sync`)
    for (const each of [one, other]) await driver.stop(owner, each.it)
    for (const { device } of await loops()) await run('losetup', ['-d', device])
    const next = await newDriver()
    await next.list(owner)
    await next.start(owner, other.it) // has the loop device that was the first one's
    await expect(at.engine.start((await containersOf(at, one.spec.allocation))[0] ?? '')).rejects.toThrow(/no such file/)
    await next.start(owner, one.it)
    for (const each of [one, other]) expect(await eventually(() => each.sh('cat /work/note'))).toBe(each.spec.allocation)
    await (await newDriver()).list(owner)
    expect((await files()).filter((name) => name.endsWith('.dev'))).toHaveLength(2)
  }, 120_000)

  test('is made ahead, given to the next one only, and given back at the end', async () => {
    const driver = await newDriver({ spares: 1 })
    const first = await rent(driver)
    await eventually(async () => expect(await images()).toHaveLength(2), 30_000)
    const ahead = await images()
    await eventually(async () => expect(await loops()).toHaveLength(2))
    const second = await rent(driver, first.owner)
    expect(await images()).toEqual(ahead)
    expect(await second.sh('ls -A /work')).toBe('')
    await driver.close?.()
    expect(await images()).toEqual(ahead)
  }, 120_000)

  describe('what an agent that died left is found, nobody else’s is touched:', () => {
    test.each<[string, 'before' | 'after', RegExp]>([
      ['after the file', 'before', /^mkfs/],
      ['after the file system', 'after', /^mkfs/],
      ['before the loop device', 'before', /^losetup --nooverlap/],
      ['after the loop device', 'after', /^losetup --nooverlap/],
    ])(
      '%s',
      async (_, when, step) => {
        const other = await rent(await newDriver())
        await other.sh('echo theirs > /work/note')
        const owner = someone()
        const theirs = await left()
        const steps = dies(when, step)
        let armed = false
        const dying = await newDriver({ tool: (...call) => (armed ? steps(...call) : tool(...call)) })
        armed = true
        await expect(rent(dying, owner)).rejects.toMatchObject({ code: 'engine_error', message: expect.stringMatching(/no disk could be made.*dead/) })
        expect((await left()).length).toBeGreaterThan(theirs.length)
        const next = await newDriver()
        await next.list(owner)
        await next.close?.()
        expect(await left()).toEqual(theirs)
        expect(await other.sh('cat /work/note')).toBe('theirs')
      },
      120_000,
    )

    test('after its container was removed, and in the middle of taking the disk away', async () => {
      const [driver, owner, other] = [await newDriver(), someone(), await rent(await newDriver())]
      const theirs = await left()
      const one = await rent(driver, owner)
      for (const id of await containersOf(at, one.spec.allocation)) await at.engine.remove(id)
      const steps = dies('after', /^losetup -d/)
      let armed = false
      const dying = await newDriver({ tool: (...call) => (armed ? steps(...call) : tool(...call)) })
      const two = await rent(dying, owner)
      armed = true
      await dying.remove(owner, two.spec)
      expect((await images()).length).toBe(3)
      const next = await newDriver()
      await next.list(owner)
      await next.close?.()
      expect(await left()).toEqual(theirs)
      expect(await other.sh('echo > /work/note && echo works')).toBe('works')
    }, 120_000)

    test('after the container was created: the next run starts afresh', async () => {
      const [driver, owner] = [await newDriver(), someone()]
      const { spec, target } = await newSpec(at.image)
      const made = await rent(driver, owner)
      for (const id of await containersOf(at, made.spec.allocation)) await at.engine.remove(id)
      const [name = ''] = await volumes() // its disk, whole, with a container that never ran
      const Mounts = [{ Type: 'volume' as const, Source: name, Target: '/work' }]
      const Labels = labelsOf(owner, { ...spec, port: 1 })
      await at.engine.create({ name: `compute-${spec.allocation}-1`, Image: at.image, Cmd: ['true'], Labels, HostConfig: { Mounts } })
      const { port } = await driver.run(owner, spec)
      expect((await eventually(() => login({ ...target, port }, 'ls -A /work; echo here'))).out).toBe('here\n')
      const next = await newDriver()
      await next.list(owner)
      await next.close?.()
      expect(await images()).toHaveLength(1)
      expect(await images()).not.toContain(`${name}.img`)
      expect(await volumes()).toHaveLength(1)
    }, 120_000)
  })

  describe('where it cannot be had', () => {
    const made: string[] = []
    const without =
      (missing: string): Tool =>
      async (file, args) => {
        if (args.some((word) => word.endsWith('.img'))) made.push(file)
        if (file !== missing) return tool(file, args)
        throw new Error(`${file}: spawn ${file} ENOENT`, { cause: Object.assign(new Error('no such file'), { code: 'ENOENT' }) })
      }

    test.each(['losetup', 'mkfs.ext4'])(
      '%s is missing: the disk is shared, and it is said why',
      async (missing) => {
        const driver = await newDriver({ tool: without(missing) })
        expect(await driver.info()).toMatchObject({ disk: 'shared' })
        expect(await new Bounding(at.engine, without(missing), ['volume']).look()).toEqual({ disk: 'shared', because: `${missing} is not on this host` })
        const me = await rent(driver)
        expect(await me.sh('grep -c " /work " /proc/mounts; echo $COMPUTE_WORK_GB')).toBe('0')
        expect(await driver.written(me.owner)).toEqual([{ allocation: me.spec.allocation, incarnation: 1, mb: expect.any(Number) }])
        expect(await left()).toEqual([])
      },
      60_000,
    )

    test('doctor says which bound is in force, and why no better one', async () => {
      const { DockerRootDir } = await at.engine.info()
      const says = async (way: 'auto' | 'shared') =>
        (await disk(at.engine, DockerRootDir, { disk: way, diskReserveGb: 0.1 })).find((f) => f.check === 'disk bound')
      if ((await new Bounding(at.engine, tool, ['quota']).look()).disk === 'shared')
        expect(await says('auto')).toMatchObject({
          status: 'ok',
          says: expect.stringMatching(/at \/work.*no quotas/),
          fix: expect.stringMatching(/xfs.*pquota/),
        })
      expect(await says('shared')).toMatchObject({ status: 'warn', says: expect.stringMatching(/switched off.*one tenant at a time/) })
    })

    test('the operator does not want it', async () => {
      const driver = await newDriver({ ways: WAYS.shared })
      expect(await driver.info()).toMatchObject({ disk: 'shared' })
    })
  })
})
