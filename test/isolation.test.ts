import { execFile } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Driver, Owner } from '../node-agents/core/ports.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { firewall, noFirewall } from '../node-agents/miner/docker/firewall.ts'
import { ofOwner } from '../node-agents/miner/docker/labels.ts'
import { newOwner, newSpec } from './support/container.ts'
import { testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { freePorts, login } from './support/ssh.ts'
import { dialed, dialScript, makeWorld, removeRules, type World } from './support/world.ts'

/** What a tenant who is root in a container can reach, tried over SSH on a real engine. Needs root, for the rules and for the world around. */

const run = promisify(execFile)
const at = await testEngine()
const root = process.getuid?.() === 0
const WALLED = 'cmptw'
const OPEN = 'cmpto'

describe.skipIf(!at || !root)('a tenant as root in a container', () => {
  if (!at || !root) return void test('needs an engine at DOCKER_HOST, and root', () => undefined)
  const walls = firewall(WALLED)
  const common = { socket: at.socket, bindAddress: '0.0.0.0' }
  const walled = dockerDriver({ ...common, prefix: WALLED, walls })
  const open = dockerDriver({ ...common, prefix: OPEN, walls: noFirewall })
  const rented: { driver: Driver; owner: Owner }[] = []
  let world: World
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((a) => a && !a.internal && a.family === 'IPv4' && !a.address.startsWith('172.'))?.address

  const rent = async (driver: Driver, owner = newOwner()) => {
    rented.push({ driver, owner })
    const { spec, target } = await newSpec(at.image)
    const { port } = await driver.run(owner, spec)
    const reached = { ...target, port }
    await eventually(() => login(reached, 'true'))
    const sh = (script: string) => login(reached, script)
    const address = (await sh('hostname -I')).out.trim()
    return { owner, spec, target: reached, port, sh, address, it: { ...spec, port } }
  }
  /** The address of the host on the bridge: the first of eight. */
  const gatewayOf = (address: string) => address.replace(/\d+$/, (last) => String(Number(last) - (Number(last) % 8) + 1))
  const doors = (me: { address: string }, other: { address: string; port: number }) => ({
    metadata: [world.metadata, world.port] as [string, number],
    private_here: [world.privateHere, world.port] as [string, number],
    private_beyond: [world.privateBeyond, world.port] as [string, number],
    host_gateway: [gatewayOf(me.address), world.port] as [string, number],
    ...(outside && { host_outside: [outside, world.port] as [string, number], tenant_by_host: [outside, other.port] as [string, number] }),
    tenant_by_gateway: [gatewayOf(me.address), other.port] as [string, number],
    tenant_bridge: [other.address, 22] as [string, number],
    mail: [world.publicBeyond, 25] as [string, number],
    public: [world.publicBeyond, world.port] as [string, number],
  })

  beforeAll(async () => {
    const [port = 0] = await freePorts(1)
    world = await makeWorld(port)
  }, 60_000)
  afterEach(async () => {
    for (const { driver, owner } of rented.splice(0)) for (const c of (await driver.list(owner)).containers) await driver.remove(owner, c)
  }, 60_000)
  afterAll(async () => {
    await Promise.all([walled.close?.(), open.close?.()])
    await world.close()
    await removeRules(WALLED)
  }, 60_000)

  test('reaches the public internet and nothing near the host', async () => {
    expect(await walled.info()).toMatchObject({ network: 'isolated' })
    const [me, other] = [await rent(walled), await rent(walled)]
    const seen = dialed((await me.sh(dialScript(doors(me, other)))).out)
    const { public: internet, ...near } = seen
    expect(internet).toBe('open')
    expect(Object.keys(near).length).toBeGreaterThanOrEqual(6)
    expect(near).toEqual(Object.fromEntries(Object.keys(near).map((name) => [name, 'closed'])))
  }, 120_000)

  test('would reach nearly all of it without the rules', async () => {
    expect(await open.info()).toMatchObject({ network: 'open' })
    const [me, other] = [await rent(open), await rent(open)]
    const { tenant_bridge: bridge, ...seen } = dialed((await me.sh(dialScript(doors(me, other)))).out)
    expect(bridge).toBe('closed') // the engine itself keeps bridges apart
    expect(seen).toEqual(Object.fromEntries(Object.keys(seen).map((name) => [name, 'open'])))
  }, 120_000)

  test('is reached by SSH, over loopback and from outside, and tells the same host key', async () => {
    const me = await rent(walled)
    expect((await me.sh('echo in')).out).toBe('in\n')
    if (outside) expect((await login(me.target, 'echo in', { host: outside })).out).toBe('in\n')
  }, 120_000)

  test('gets no further by being root', async () => {
    const me = await rent(walled)
    const tries = {
      mount: 'mount -t tmpfs none /mnt',
      mknod: 'mknod /tmp/disk b 8 0',
      unshare: 'unshare -Ur true',
      engine: 'ls /var/run/docker.sock /run/docker.sock',
      raw_socket: 'python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"',
      packet_socket: 'python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"',
      own_rules: 'echo 1 > /proc/sys/net/ipv4/ip_forward',
      kernel: 'dmesg',
      host_processes: 'ps -e -o comm= | grep -qE "dockerd|containerd|node"',
    }
    const script = Object.entries(tries).map(([name, command]) => `${command} >/dev/null 2>&1 && echo ${name} open || echo ${name} closed`)
    expect(dialed((await me.sh(script.join('\n'))).out)).toEqual(Object.fromEntries(Object.keys(tries).map((name) => [name, 'closed'])))
  }, 120_000)

  test('finds the door shut again after somebody opened it', async () => {
    const me = await rent(walled)
    const door = dialScript({ metadata: [world.metadata, world.port] })
    await run('iptables', ['-w', '5', '-I', 'INPUT', '1', '-i', `${WALLED}+`, '-j', 'ACCEPT'])
    try {
      expect((await me.sh(door)).out).toBe('metadata open\n')
      expect(await walls.ensure()).toMatchObject({ network: 'isolated' })
      expect((await me.sh(door)).out).toBe('metadata closed\n')
    } finally {
      await run('iptables', ['-w', '5', '-D', 'INPUT', '-i', `${WALLED}+`, '-j', 'ACCEPT'])
    }
    await run('iptables', ['-w', '5', '-F', `${WALLED.toUpperCase()}-IN`])
    expect((await me.sh(door)).out).toBe('metadata open\n')
    expect(await walls.ensure()).toMatchObject({ network: 'isolated' })
    expect((await me.sh(door)).out).toBe('metadata closed\n')
  }, 120_000)

  test('finds the door shut again where somebody let all through before the engine’s own chain', async () => {
    const me = await rent(walled)
    const door = dialScript({ private: [world.privateBeyond, world.port] })
    await walls.ensure()
    await run('iptables', ['-w', '5', '-I', 'FORWARD', '1', '-i', `${WALLED}+`, '-j', 'ACCEPT'])
    try {
      expect((await me.sh(door)).out).toBe('private open\n')
      expect(await walls.ensure()).toMatchObject({ network: 'isolated' })
      expect((await me.sh(door)).out).toBe('private closed\n')
    } finally {
      await run('iptables', ['-w', '5', '-D', 'FORWARD', '-i', `${WALLED}+`, '-j', 'ACCEPT'])
    }
  }, 120_000)

  test('two agents lay the same rules once', async () => {
    await Promise.all([firewall(WALLED), firewall(WALLED), walls].map((w) => w.ensure()))
    const { stdout } = await run('iptables', ['-w', '5', '-S'])
    const ways = stdout.split('\n').filter((line) => line.includes(` -i ${WALLED}+ -j `))
    expect(ways.map((line) => line.split(' ')[1]).toSorted()).toEqual(['DOCKER-USER', 'FORWARD', 'INPUT'])
  })

  describe('its network', () => {
    const networks = (owner: Owner) => at.engine.networks(ofOwner(owner))

    test('goes with its container', async () => {
      const me = await rent(walled)
      expect(await networks(me.owner)).toHaveLength(1)
      await walled.remove(me.owner, me.spec)
      await eventually(async () => expect(await networks(me.owner)).toEqual([]))
    }, 60_000)

    test('left by an agent that died is found and removed, one in use is not', async () => {
      const me = await rent(walled)
      const name = `${WALLED}dead`
      await at.engine.makeNetwork({ Name: name, Labels: Object.fromEntries(ofOwner(me.owner).map((pair) => pair.split('='))) })
      expect(await networks(me.owner)).toHaveLength(2)
      const next = dockerDriver({ ...common, prefix: WALLED, walls })
      await next.list(me.owner)
      await next.close?.()
      const left = await networks(me.owner)
      expect(left).toHaveLength(1)
      expect(left).not.toContain(name)
      expect((await me.sh('echo here')).out).toBe('here\n')
    }, 60_000)

    test('is made ahead, used again, and given back at the end', async () => {
      const owner = newOwner()
      const ahead = dockerDriver({ ...common, prefix: WALLED, walls, spares: 1 })
      const first = await rent(ahead, owner)
      await ahead.remove(owner, first.spec)
      const [name] = await networks(owner)
      const second = await rent(ahead, owner)
      expect(await networks(owner)).toContain(name)
      await ahead.remove(owner, second.spec)
      await ahead.close?.()
      expect(await networks(owner)).toEqual([])
    }, 60_000)

    test('is made again when it was pruned while the container was stopped', async () => {
      const me = await rent(walled)
      await walled.stop(me.owner, me.it)
      const [name = ''] = await networks(me.owner)
      expect(await at.engine.removeNetwork(name)).toBe(true)
      await walled.start(me.owner, me.it)
      expect((await eventually(() => me.sh('echo back'))).out).toBe('back\n')
      expect(await networks(me.owner)).toEqual([name])
    }, 60_000)

    test('is not left by a run that fails', async () => {
      const owner = newOwner()
      const { spec } = await newSpec('compute-no-such-image:1')
      await expect(walled.run(owner, spec)).rejects.toMatchObject({ code: 'image_missing' })
      await eventually(async () => expect(await networks(owner)).toEqual([]))
    }, 60_000)

    test('avoids ranges that are taken, and says so when there is none', async () => {
      const small = dockerDriver({ ...common, prefix: WALLED, walls, pool: '198.19.250.0/29' })
      const [one, two] = [newOwner(), newOwner()]
      await rent(small, one)
      const { spec } = await newSpec(at.image)
      await expect(small.run(two, spec)).rejects.toMatchObject({ code: 'engine_error', message: expect.stringMatching(/--networks/) })
    }, 60_000)
  })
})
