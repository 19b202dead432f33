import { realClock } from '../core/clock.ts'
import { EdgeClock, HttpControl } from '../core/control.ts'
import { Gate } from '../core/gate.ts'
import type { Hotkey } from '../core/hotkey.ts'
import type { Log } from '../core/log.ts'
import type { Driver } from '../core/ports.ts'
import type { Signer } from '../core/signer.ts'
import { Trigger } from '../core/trigger.ts'
import type { WakeOptions } from '../core/wake.ts'
import { news, type Parts, reporter } from './agent.ts'
import { Workers } from './apply.ts'
import { Book } from './book.ts'
import { ChainWatch } from './chain/watch.ts'
import type { MinerConfig } from './config.ts'
import { HostWatch } from './facts.ts'
import { Guard } from './guard.ts'
import { Hold } from './hold.ts'
import { type Prepull, TenantPulls } from './prepull.ts'
import { Pulse } from './pulse.ts'
import { ServerTime } from './server-time.ts'
import { Session } from './session.ts'
import { Sight } from './sight.ts'
import type { State } from './state.ts'
import { Sync } from './sync.ts'
import type { Tools } from './tools.ts'
import { Unexplained } from './unexplained.ts'
import { mentionedBy } from './wish.ts'

export type Given = { config: MinerConfig; driver: Driver; by: Hotkey; signer: Signer; state: State; log: Log; signal: AbortSignal }

/** The parts of one agent, put together and not yet running. */
export type Agent = Parts & {
  sync: Sync
  pulse: Pulse
  prepull: Prepull
  guard: Guard
  looks: Trigger
  wake: WakeOptions
  met: Gate
  registered: Gate
  /** Null: without. */ chain: ChainWatch | null
}

/** Puts an agent together. Nothing is asked of anybody yet. */
export function assemble({ config, driver, by, signer, state, log, signal }: Given): Agent {
  const clock = realClock
  const edgeClock = new EdgeClock(clock)
  const [met, registered, looks] = [new Gate(), new Gate(), new Trigger(clock)]
  const receiver = () => edgeOf(state)
  const tenants = new TenantPulls()
  const onPulled = () => host.refresh()
  const tools = makeTools({ config, driver: tenants.through(driver, onPulled), by, signer, state, log, signal }, () => sync.changed())
  const hold = new Hold(state, signer.address, log)
  const [time, pulse] = [new ServerTime(clock), new Pulse(clock)]
  const workers = new Workers(tools, () => looks.kick(), signal)
  const host: HostWatch = new HostWatch({ driver, settings: { ...config, hotkey: signer.address }, clock, log, onNews: () => sync.hostChanged() })
  const parts: Parts = { tools, hold, workers, host, time, state, clock, log }
  const control = new HttpControl(config.edge.url, signer, receiver, edgeClock)
  const gates = { onMet: () => met.open(), onRegistered: () => registered.open() }
  const session = new Session({ control, state, pin: config.edge.pin, clock, facts: () => host.facts, log, ...gates })
  const sync: Sync = new Sync({
    control,
    session,
    hold,
    time,
    pulse,
    clock,
    log,
    trigger: new Trigger(clock),
    hotkey: signer.address,
    report: reporter(parts, signal),
    news: () => news(parts),
    onWish: () => looks.kick(),
    onFull: () => tools.unexplained.heard(mentionedBy(hold.wish)),
  })
  const wake: WakeOptions = {
    receiver,
    install: state.install,
    signer,
    clock,
    log,
    base: config.edge.url,
    time: edgeClock,
    reconnectJitterMs: config.reconnectJitterMs,
    onGo: () => sync.go(),
    onUp: () => sync.socketUp(),
    onDown: () => sync.socketDown(),
  }
  const prepull = { driver, clock, diskReserveGb: config.diskReserveGb, images: config.images, tenants, onPulled, log }
  const guard = new Guard({ tools, hold, workers, onRelease: () => looks.kick() })
  return { ...parts, sync, pulse, prepull, guard, looks, wake, met, registered, chain: chainOf(config, by, log) }
}

/** The SDK is loaded only by those who want a chain, and only when it is to be connected. */
function chainOf(config: MinerConfig, by: Hotkey, log: Log): ChainWatch | null {
  const { chain: network, netuid } = config
  if (!network) return null
  const { endpoints, genesis, name } = network
  const connect = async () => (await import('../core/chain/index.ts')).connectChain({ endpoints, genesis, log })
  return new ChainWatch({ connect, by, subnet: { network: name, netuid }, place: config, clock: realClock, log })
}

function edgeOf(state: State): string {
  const edge = state.edge()
  if (!edge) throw new Error('the edge is not known yet')
  return edge.address
}

function makeTools({ config, driver, signer, state, log }: Given, changed: () => void): Tools {
  const sight = new Sight()
  return {
    driver,
    get owner() {
      return { edge: edgeOf(state), hotkey: signer.address, install: state.install }
    },
    clock: realClock,
    log,
    book: new Book(),
    memory: state.memory,
    sight,
    unexplained: new Unexplained(realClock, log, (key) => sight.traceOf(key)),
    engineOf: { known: state.engine, keep: state.keepEngine },
    missingMs: config.missingAfterS * 1000,
    address: config.address,
    probeHost: probeHost(config.bind),
    ports: config.ports,
    simulated: config.simulateGpu !== null,
    diskReserveGb: config.diskReserveGb,
    sign: signer.sign,
    changed,
  }
}

/** Where the agent itself dials a container: the advertised address may not lead back into the host. */
function probeHost(bind: string): string {
  if (bind === '0.0.0.0') return '127.0.0.1'
  return bind === '::' ? '::1' : bind
}
