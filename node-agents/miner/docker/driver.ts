import { setTimeout as sleep } from 'node:timers/promises'
import { DriverError, type ContainerIdentity, type Driver, type Owner } from '../../core/ports.ts'
import { pause, rekey, unpause } from './acts.ts'
import { connect, type Engine } from './client.ts'
import { space, written } from './disk.ts'
import { exec } from './exec.ts'
import { find, need } from './find.ts'
import { installsOf, inventoryOf, nameOf } from './labels.ts'
import { pull } from './pull.ts'
import { run } from './run.ts'
import { watch } from './watch.ts'

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/** Seconds a container gets to end by itself. */
const STOP_GRACE_S = 5

/** Another removal of the same container: how often to look, and for how long (ms). */
const REMOVAL = { poll: 50, most: 60_000 }

async function remove(engine: Engine, owner: Owner, c: Ref): Promise<void> {
  const row = await find(engine, owner, c)
  if (!row || (await engine.remove(row.Id))) return
  for (const end = performance.now() + REMOVAL.most; performance.now() < end; await sleep(REMOVAL.poll)) {
    if (!(await find(engine, owner, c))) return
  }
  throw new DriverError('engine_error', `another removal of ${nameOf(c)} does not end`)
}

/**
 * Containers through the Docker Engine API.
 * @param o.socket path of the engine's socket; default: DOCKER_HOST, else /var/run/docker.sock
 * @param o.bindAddress the host's address SSH ports are published at
 */
export function dockerDriver(o: { socket?: string; bindAddress: string }): Driver {
  const engine = connect(o.socket)
  return {
    name: 'docker',
    async info(signal) {
      const info = await engine.info(signal)
      const remapped = (info.SecurityOptions ?? []).some((option) => option.startsWith('name=userns'))
      return {
        driver: 'docker',
        isolation: remapped ? 'runc+userns' : 'runc',
        engine: `docker ${info.ServerVersion}`,
        disk: 'shared',
        network: 'open',
        id: `docker ${info.ID}`,
      }
    },
    // Unfiltered: the engine's filters are joined by "and", and other people's labelled containers are counted too.
    list: async (owner, signal) => inventoryOf(owner, await engine.list({}, signal)),
    installs: async (who, signal) => installsOf(who, await engine.list({}, signal)),
    hasImage: async (reference, signal) => (await engine.imageEnv(reference, signal)) !== null,
    pull: (reference, onProgress, signal) => pull(engine, reference, onProgress, signal),
    run: (owner, spec, signal) => run(engine, o.bindAddress, owner, spec, signal),
    async start(owner, c) {
      const row = await need(engine, owner, c)
      await (row.State === 'paused' ? engine.unpause(row.Id) : engine.start(row.Id))
    },
    stop: async (owner, c) => engine.stop((await need(engine, owner, c)).Id, STOP_GRACE_S),
    pause: (owner, c) => pause(engine, owner, c),
    unpause: (owner, c) => unpause(engine, owner, c),
    rekey: (owner, c, keys, endSessions) => rekey(engine, owner, c, keys, endSessions),
    space: (signal) => space(engine, signal),
    written: (owner, signal) => written(engine, owner, signal),
    exec: async (owner, c, argv, env, timeoutMs) => exec(engine, (await need(engine, owner, c)).Id, argv, env, timeoutMs),
    remove: (owner, c) => remove(engine, owner, c),
    watch: (owner, onChange, signal) => watch(engine, owner, onChange, signal),
  }
}
