import { setTimeout as sleep } from 'node:timers/promises'
import { DriverError, type ContainerIdentity, type Driver, type Owner } from '../../core/ports.ts'
import { pause, rekey, unpause } from './acts.ts'
import { Bounding, type Way } from './bound.ts'
import { connect, type Engine, type Row } from './client.ts'
import { Meter, space } from './disk.ts'
import { lacksNetwork } from './errors.ts'
import { exec } from './exec.ts'
import { Disks } from './disks.ts'
import { find, need } from './find.ts'
import { type Firewall, firewall } from './firewall.ts'
import { installsOf, inventoryOf, nameOf } from './labels.ts'
import { Networks, type NetworkSettings } from './networks.ts'
import { withOom } from './oom.ts'
import { pull } from './pull.ts'
import { run } from './run.ts'
import { type Tool, tool } from './tool.ts'
import { watch } from './watch.ts'

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/** Seconds a container gets to end by itself. */
const STOP_GRACE_S = 5

/** Another removal of the same container: how often to look, and for how long (ms). */
const REMOVAL = { poll: 50, most: 60_000 }

/** The rules may be that old (ms) when a container is started: the host is looked at every minute. */
const WALL_AGE_MS = 90_000

/** Networks of containers, their bridges and the rules about them are named so. */
export const PREFIX = 'compute'

const DEFAULTS = { prefix: PREFIX, pool: '198.18.0.0/15', spares: 0, dns: ['1.1.1.1', '8.8.8.8'] }

/** @returns the container that was there, or null */
async function remove(engine: Engine, owner: Owner, c: Ref): Promise<Row | null> {
  const row = await find(engine, owner, c)
  if (!row || (await engine.remove(row.Id))) return row
  for (const end = performance.now() + REMOVAL.most; performance.now() < end; await sleep(REMOVAL.poll)) {
    if (!(await find(engine, owner, c))) return row
  }
  throw new DriverError('engine_error', `another removal of ${nameOf(c)} does not end`)
}

/** A stopped container may have lost its network to a `docker network prune`, and its loop device to a boot of the host. */
async function startAgain({ engine, networks, disks }: { engine: Engine; networks: Networks; disks: Disks }, owner: Owner, row: Row): Promise<void> {
  const disk = disks.nameIn(row)
  if (disk !== null) await disks.attach(disk)
  try {
    await engine.start(row.Id)
  } catch (error) {
    const name = row.HostConfig?.NetworkMode
    if (!networks.isOurs(name) || !lacksNetwork(error)) throw error
    await networks.make(owner, name)
    await engine.reconnect(name, row.Id)
    await engine.start(row.Id)
  }
}

export type DockerOptions = Partial<NetworkSettings> & {
  /** Path of the engine's socket; default: DOCKER_HOST, else /var/run/docker.sock. */
  socket?: string
  /** The host's address SSH ports are published at. */
  bindAddress: string
  /** Resolvers of the containers; public ones, because private addresses are closed to them. */
  dns?: readonly string[]
  /** False for who only looks on beside the agent of the same owner: what that keeps ready would pass for a leftover. */
  tidies?: boolean
  /** Ways to bound what a container writes that may be used; default: quotas alone. */
  ways?: readonly Way[]
  /** Runs programs of this host; default: it does. */
  tool?: Tool
  /** Lays the rules that keep tenants apart; default: one that does, for all bridges of the prefix. */
  walls?: Firewall
}

/** Containers through the Docker Engine API. */
export function dockerDriver(o: DockerOptions): Driver {
  const engine = connect(o.socket)
  const { bindAddress, dns = DEFAULTS.dns, prefix = DEFAULTS.prefix, pool = DEFAULTS.pool, spares = DEFAULTS.spares } = o
  const networks = new Networks(engine, { prefix, pool, spares })
  const walls = o.walls ?? firewall(prefix)
  const tools = o.tool ?? tool
  const bounding = new Bounding(engine, tools, o.ways ?? ['quota'])
  const disks = new Disks(engine, tools, { prefix, spares: spares > 0 })
  const meter = new Meter(engine, disks)
  const ground = { engine, networks, disks, bindAddress, dns, way: () => bounding.way }
  const list = async (owner: Owner, signal?: AbortSignal) => {
    await disks.mend(owner, signal)
    const rows = await engine.list({}, signal)
    if (o.tidies ?? true) {
      networks.tidy(owner, rows)
      disks.tidy(owner, rows)
    }
    return inventoryOf(owner, await withOom(engine, owner, rows, signal))
  }
  return {
    name: 'docker',
    async info(signal) {
      const info = await engine.info(signal)
      const [{ disk }, { network }] = await Promise.all([bounding.look(signal), walls.ensure()])
      const remapped = (info.SecurityOptions ?? []).some((option) => option.startsWith('name=userns'))
      return {
        driver: 'docker',
        isolation: remapped ? 'runc+userns' : 'runc',
        engine: `docker ${info.ServerVersion}`,
        disk,
        network,
        id: `docker ${info.ID}`,
      }
    },
    // Unfiltered: the engine's filters are joined by "and", and other people's labelled containers are counted too.
    list,
    installs: async (who, signal) => installsOf(who, await engine.list({}, signal)),
    hasImage: async (reference, signal) => (await engine.image(reference, signal)) !== null,
    pull: (reference, onProgress, signal) => pull(engine, reference, onProgress, signal),
    async run(owner, spec, signal, onCreated) {
      await walls.ensure(WALL_AGE_MS)
      return run(ground, owner, spec, signal, onCreated)
    },
    async start(owner, c) {
      const row = await need(engine, owner, c)
      await (row.State === 'paused' ? engine.unpause(row.Id) : startAgain(ground, owner, row))
    },
    stop: async (owner, c) => engine.stop((await need(engine, owner, c)).Id, STOP_GRACE_S),
    pause: (owner, c) => pause(engine, owner, c),
    unpause: (owner, c) => unpause(engine, owner, c),
    rekey: (owner, c, keys, endSessions) => rekey(engine, owner, c, keys, endSessions),
    space: (signal) => space(engine, signal),
    written: (owner, signal) => meter.written(owner, signal),
    exec: async (owner, c, argv, env, timeoutMs) => exec(engine, (await need(engine, owner, c)).Id, argv, env, timeoutMs),
    async remove(owner, c) {
      const row = await remove(engine, owner, c)
      const [network, disk] = [row?.HostConfig?.NetworkMode, disks.nameIn(row)]
      if (networks.isOurs(network)) networks.release(owner, network)
      if (disk !== null) await disks.release(disk)
    },
    async close() {
      meter.close()
      await Promise.all([networks.close(), disks.close()])
    },
    watch: (owner, onChange, signal) => watch(engine, owner, onChange, signal),
  }
}
