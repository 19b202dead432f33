import { randomBytes } from 'node:crypto'
import type { Owner } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import { exec } from './exec.ts'
import type { Networks } from './networks.ts'
import { PROBE_LABEL } from './quota.ts'
import { createOptions } from './spec.ts'

/** Nobody's: no agent takes what is labelled so for its own, and the next probe finds what one left. */
const NOBODY: Owner = { edge: 'probe', hotkey: 'probe', install: 'probe' }
const LIFE_S = 120
/** A probe that is older (ms) was left by somebody who died. */
const STALE_MS = 10 * 60_000
const LIMITS = { cpus: 1, memory_mb: 512, shm_mb: 64, disk_gb: 1, pids: 256 }

export type Probe = { exec(argv: string[], timeoutMs: number): Promise<{ exitCode: number; output: string }>; close(): Promise<void> }

/** A container like a tenant's, with the same walls and a network of its own, that nobody can log in to. @throws DriverError */
export async function startProbe(o: { engine: Engine; networks: Networks; image: string; dns: readonly string[]; gpus: string[] }): Promise<Probe> {
  const { engine, networks, image, dns, gpus } = o
  await sweep(engine, networks)
  const network = await networks.take(NOBODY)
  const name = `compute-probe-${randomBytes(4).toString('hex')}`
  const nobody = { allocation: 'probe', incarnation: 1, hostKey: '', trace: '', ports: [], env: {}, authorizedKeys: [], hostPrivateKey: '' }
  const spec = { ...nobody, gpus, image, limits: LIMITS, simulated: gpus.length === 0 }
  const options = createOptions(NOBODY, spec, { port: 0, bindAddress: '127.0.0.1', network: network.name, dns, storage: false, disk: null })
  let id: string | null = null
  const close = async () => {
    if (id !== null) await engine.remove(id)
    network.settle('failed')
  }
  try {
    id = await engine.create({
      ...options,
      name,
      Labels: { [PROBE_LABEL]: String(Date.now()) },
      Cmd: ['/bin/sleep', String(LIFE_S)],
      ExposedPorts: {},
      HostConfig: { ...options.HostConfig, PortBindings: {}, AutoRemove: true }, // also when nobody is left to remove it
    })
    const made = id ?? name
    await engine.start(made)
    return { exec: (argv, timeoutMs) => exec(engine, made, argv, {}, timeoutMs), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What probes left that were killed. */
async function sweep(engine: Engine, networks: Networks): Promise<void> {
  const rows = await engine.list({ label: [PROBE_LABEL] })
  const stale = rows.filter((row) => !(Date.now() - Number(row.Labels[PROBE_LABEL]) < STALE_MS))
  await Promise.all(stale.map((row) => engine.remove(row.Id)))
  networks.tidy(NOBODY, await engine.list({}))
}
