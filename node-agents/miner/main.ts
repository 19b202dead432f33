import { makeStateDir, openState } from './state.ts'
import { realClock } from '../core/clock.ts'
import { EdgeClock, HttpControl } from '../core/control.ts'
import { Gate } from '../core/gate.ts'
import { loadHotkey } from '../core/hotkey.ts'
import { Cleanup, live, type Loop } from '../core/life.ts'
import { type Log, makeLog } from '../core/log.ts'
import { Mistake } from '../core/mistake.ts'
import type { Driver } from '../core/ports.ts'
import { buildCommand, readSettings } from '../core/settings.ts'
import { makeSigner } from '../core/signer.ts'
import { Trigger } from '../core/trigger.ts'
import { wakeLoop } from '../core/wake.ts'
import { known, type Parts, reporter } from './agent.ts'
import { Workers } from './apply.ts'
import { Book } from './book.ts'
import { type MinerConfig, SETTINGS, toConfig } from './config.ts'
import { HostWatch } from './facts.ts'
import { Hold } from './hold.ts'
import { lockState } from './lock.ts'
import { reconcileLoop } from './reconcile.ts'
import { factsOf } from './report.ts'
import { ServerTime } from './server-time.ts'
import { Session } from './session.ts'
import { Sight } from './sight.ts'
import { Sync } from './sync.ts'
import type { Tools } from './tools.ts'
import { watchLoop } from './watch.ts'

/**
 * Runs a miner agent until the signal fires; tenants' containers run on. Rejects with a `Mistake` when the operator
 * has to change something, such as a damaged state file or a second agent on the same state.
 */
export async function runMiner(config: MinerConfig, driver: Driver, signal: AbortSignal, log: Log): Promise<void> {
  const cleanup = new Cleanup()
  const clock = realClock
  try {
    await makeStateDir(config.state)
    cleanup.defer('lock', await lockState(config.state))
    const signer = makeSigner(await loadHotkey(config.hotkeyFile))
    const state = await openState(config.state, clock.wallMs)
    const hold = new Hold(state, signer.address, log)
    await hold.restore()

    const edgeAddress = () => {
      const edge = state.edge()
      if (!edge) throw new Error('the edge is not known yet')
      return edge.address
    }
    const looks = new Trigger(clock)
    const tools: Tools = {
      driver,
      get owner() {
        return { edge: edgeAddress(), hotkey: signer.address, install: state.install }
      },
      clock,
      log,
      book: new Book(),
      memory: state.memory,
      sight: new Sight(),
      address: config.address,
      probeHost: probeHost(config.bind),
      ports: config.ports,
      simulated: config.simulateGpu !== null,
      sign: signer.sign,
      changed: () => sync.changed(),
    }
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    const workers = new Workers(tools, () => looks.kick(), until)
    cleanup.defer('workers', () => workers.idle())
    cleanup.defer('work', () => stop.abort())
    const time = new ServerTime(clock)
    const host = new HostWatch({ driver, settings: { ...config, hotkey: signer.address }, clock, log, onNews: () => sync.hostChanged() })
    const parts: Parts = { tools, hold, workers, host, time, state, clock, log }

    const edgeClock = new EdgeClock(clock)
    const control = new HttpControl(config.edge.url, signer, edgeAddress, edgeClock)
    const met = new Gate()
    const registered = new Gate()
    if (state.edge()) met.open()
    const session = new Session({
      control,
      state,
      pin: config.edge.pin,
      clock,
      facts: () => host.facts,
      log,
      onMet: () => met.open(),
      onRegistered: () => registered.open(),
    })
    const sync: Sync = new Sync({
      control,
      session,
      hold,
      time,
      clock,
      trigger: new Trigger(clock),
      hotkey: signer.address,
      report: reporter(parts, until),
      facts: () => factsOf(known(parts)),
      onWish: () => looks.kick(),
      log,
    })
    const wake = {
      base: config.edge.url,
      receiver: edgeAddress,
      signer,
      time: edgeClock,
      clock,
      reconnectJitterMs: config.reconnectJitterMs,
      onGo: () => sync.go(),
      onUp: () => sync.socketUp(),
      onDown: () => sync.socketDown(),
      log,
    }
    looks.kick()
    log.info({ hotkey: signer.address, install: state.install, edge: config.edge.url, driver: driver.name }, 'miner agent started')
    const loops: Loop[] = [
      { name: 'facts', run: (s) => host.run(s) },
      { name: 'sync', run: (s) => sync.run(s) },
      { name: 'wake', run: (s) => registered.passed(s).then(() => wakeLoop(wake, s)) },
      {
        name: 'reconcile',
        run: (s) =>
          met
            .passed(s)
            .then(() => reconcileLoop({ tools, hold, time, workers, trigger: looks, allowed: () => host.allowed(), onLook: () => undefined, log }, s)),
      },
      { name: 'watch', run: (s) => met.passed(s).then(() => watchLoop(tools, () => looks.kick(), log, s)) },
    ]
    await live(loops, signal, log)
  } finally {
    await cleanup.run(log)
    log.info('miner agent stopped; containers run on')
  }
}

/** Where the agent itself dials a container: the advertised address may not lead back into the host. */
function probeHost(bind: string): string {
  if (bind === '0.0.0.0') return '127.0.0.1'
  return bind === '::' ? '::1' : bind
}

export type MakeDriver = (config: MinerConfig) => Promise<Driver> | Driver

const docker: MakeDriver = async (config) => {
  const { dockerDriver } = await import('./docker/driver.ts')
  return dockerDriver({ socket: config.docker, bindAddress: config.bind })
}

/** `compute miner …`. @returns the exit code */
export async function minerMain(argv: string[], makeDriver: MakeDriver = docker): Promise<number> {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  try {
    const values = readSettings(buildCommand('compute miner', 'Rent out the GPUs of this host', SETTINGS), SETTINGS, argv, process.env)
    if (!values) return 0
    const config = toConfig(values)
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, onSignal) // a second one ends the process at once
    await runMiner(config, await makeDriver(config), stop.signal, makeLog(config.logLevel, 'miner'))
    return 0
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  } finally {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.removeListener(name, onSignal)
  }
}
