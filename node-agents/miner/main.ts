import { realClock } from '../core/clock.ts'
import { toConfig } from '../core/common-settings.ts'
import { makeStateDir } from '../core/files.ts'
import { loadHotkey } from '../core/hotkey.ts'
import { Cleanup, live, type Loop } from '../core/life.ts'
import { lockState } from '../core/lock.ts'
import { type Log, makeLog } from '../core/log.ts'
import { Mistake } from '../core/mistake.ts'
import type { Driver } from '../core/ports.ts'
import { buildCommand, readSettings } from '../core/settings.ts'
import { makeSigner } from '../core/signer.ts'
import { openSocket } from '../core/socket.ts'
import { wakeLoop } from '../core/wake.ts'
import { type Agent, assemble } from './assemble.ts'
import { listOfCommands, runCommand } from './commands/index.ts'
import { type MinerConfig, SETTINGS } from './config.ts'
import { prepullLoop } from './prepull.ts'
import { reconcileLoop } from './reconcile.ts'
import { type Operator, routesOf } from './operator.ts'
import { openState } from './state.ts'
import { statusOf } from './status.ts'
import { watchLoop } from './watch.ts'

/** What an agent does all day. Containers are not looked at before it is known whose they would be. */
function loopsOf(a: Agent, config: MinerConfig, log: Log): Loop[] {
  const look = () => a.looks.kick()
  return [
    { name: 'facts', run: (s) => a.host.run(s) },
    { name: 'sync', run: (s) => a.sync.run(s) },
    { name: 'wake', run: (s) => a.registered.passed(s).then(() => wakeLoop(a.wake, s)) },
    { name: 'reconcile', run: (s) => a.met.passed(s).then(() => reconcileLoop({ ...a, trigger: a.looks, allowed: () => a.host.allowed() }, s)) },
    { name: 'guard', run: (s) => a.met.passed(s).then(() => a.guard.run(s)) },
    { name: 'watch', run: (s) => a.met.passed(s).then(() => watchLoop(a.tools, look, log, s)) },
    ...(config.prepull ? [{ name: 'prepull', run: (s: AbortSignal) => a.met.passed(s).then(() => prepullLoop(a.prepull, s)) }] : []),
    ...(a.chain ? [a.chain].map((chain) => ({ name: 'chain', run: (s: AbortSignal) => chain.run(s) })) : []),
  ]
}

/**
 * Runs a miner agent until the signal fires; tenants' containers run on. Rejects with a `Mistake` when the operator
 * has to change something, such as a damaged state file or a second agent on the same state.
 */
export async function runMiner(config: MinerConfig, driver: Driver, signal: AbortSignal, log: Log): Promise<void> {
  const cleanup = new Cleanup()
  const stop = new AbortController()
  try {
    await makeStateDir(config.state)
    cleanup.defer('lock', await lockState(config.state))
    const by = await loadHotkey(config.hotkeyFile, { warn: (text) => log.warn(text) })
    const signer = makeSigner(by)
    const state = await openState(config.state, realClock.wallMs, (error) =>
      log.error({ err: error }, 'the state directory cannot be written: reports go on, numbered from the clock. Free some space there.'),
    )
    const agent = assemble({ config, driver, by, signer, state, log, signal: AbortSignal.any([signal, stop.signal]) })
    cleanup.defer('driver', async () => driver.close?.())
    cleanup.defer('workers', () => agent.workers.idle())
    cleanup.defer('work', () => stop.abort())
    const operator = operatorOf(agent, signer.address, config.edge.url)
    cleanup.defer('control socket', await opened('the control socket', openSocket(config.state, routesOf(operator), log), log))
    if (config.metrics) cleanup.defer('metrics', await opened('--metrics', metrics(agent, signer.address, config.metrics, log), log))
    await agent.hold.restore()
    if (state.edge()) agent.met.open()
    agent.looks.kick()
    log.info({ hotkey: signer.address, install: state.install, edge: config.edge.url, driver: driver.name }, 'miner agent started')
    await live(loopsOf(agent, config, log), signal, log)
  } finally {
    await cleanup.run(log)
    log.info('miner agent stopped; containers run on')
  }
}

function operatorOf(agent: Agent, hotkey: string, url: string): Operator {
  return {
    status: () => statusOf(agent, hotkey, url),
    confirm: (keys) => {
      const meant = agent.tools.unexplained.confirm(keys)
      agent.looks.kick()
      return meant
    },
  }
}

/** What only lets the operator look in. No rental waits for it, or ends because it cannot be opened. */
async function opened(name: string, open: Promise<() => Promise<void>>, log: Log): Promise<() => Promise<void>> {
  try {
    return await open
  } catch (error) {
    log.error({ err: error }, `${name} cannot be opened; the agent goes on without`)
    return async () => undefined
  }
}

async function metrics(agent: Agent, hotkey: string, at: { host: string; port: number }, log: Log): Promise<() => Promise<void>> {
  const [{ registryOf }, { serveMetrics }] = await Promise.all([import('./metrics.ts'), import('../core/metrics.ts')])
  return serveMetrics(await registryOf(agent, hotkey), at, log)
}

/** As much of a config as it takes to reach a container engine. */
export type EngineConfig = Pick<MinerConfig, 'state' | 'bind' | 'docker' | 'networks' | 'dns' | 'disk'>
export type MakeDriver = (config: EngineConfig) => Promise<Driver> | Driver

/** Rentals that come at the same time and still find a network ready. */
const SPARE_NETWORKS = 2

const docker: MakeDriver = async (config) => {
  const [{ dockerDriver }, { WAYS }] = await Promise.all([import('./docker/driver.ts'), import('./docker/bound.ts')])
  const { docker: socket, bind: bindAddress, networks: pool, dns, disk } = config
  return dockerDriver({ socket, bindAddress, pool, dns, spares: SPARE_NETWORKS, ways: WAYS[disk] })
}

/** `compute miner …`: the agent itself, or the subcommand its first word names. @returns the exit code */
export async function minerMain(argv: string[], makeDriver: MakeDriver = docker): Promise<number> {
  try {
    const [name, ...rest] = argv
    if (name === undefined || name.startsWith('-')) return await agentMain(argv, makeDriver)
    return await runCommand(name, rest, { env: process.env, out: (text) => console.log(text), makeDriver })
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

async function agentMain(argv: string[], makeDriver: MakeDriver): Promise<number> {
  const command = buildCommand('compute miner', 'Rent out the GPUs of this host', SETTINGS).addHelpText('after', listOfCommands())
  const values = readSettings(command, SETTINGS, argv, process.env)
  if (!values) return 0
  const config = toConfig(values)
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, onSignal) // a second one ends the process at once
  try {
    await runMiner(config, await makeDriver(config), stop.signal, makeLog(config.logLevel, 'miner'))
    return 0
  } finally {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.removeListener(name, onSignal)
  }
}
