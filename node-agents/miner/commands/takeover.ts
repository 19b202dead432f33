import { realClock } from '../../core/clock.ts'
import { toConfig } from '../../core/common-settings.ts'
import { ControlError, EdgeClock, HttpControl } from '../../core/control.ts'
import { makeStateDir } from '../../core/files.ts'
import { loadHotkey } from '../../core/hotkey.ts'
import { Mistake, reason } from '../../core/mistake.ts'
import { type Container, type Driver, DriverError } from '../../core/ports.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { makeSigner } from '../../core/signer.ts'
import { type MinerConfig, SETTINGS } from '../config.ts'
import { acceptIdentity, type KnownEdge } from '../../core/identity.ts'
import { lockState } from '../../core/lock.ts'
import { becomeInstall, openState, type State } from '../state.ts'
import type { Hands } from './index.ts'

const ABOUT = `Go on after the state directory was lost. The agent must be stopped, here and wherever else it ran.
Containers of this hotkey on this host are taken back with all their tenants; when there are none, the edge is told
that this install speaks for the hotkey from now on. Without --yes nothing happens: it says what would`

type Options = { yes?: boolean; install?: string }
type Scene = { config: MinerConfig; hotkey: string; state: State; edge: KnownEdge; driver: Driver; control: HttpControl; options: Options; out: Hands['out'] }

const never = new AbortController().signal

/** `compute miner takeover`, with the flags of the agent. */
export async function takeoverCommand(argv: string[], { env, out, makeDriver }: Hands): Promise<number> {
  const command = buildCommand('compute miner takeover', ABOUT, SETTINGS)
    .option('--yes', 'do it')
    .option('--install <id>', 'which one to take back, when containers of several are here')
  const values = readSettings(command, SETTINGS, argv, env)
  if (!values) return 0
  const config = toConfig(values)
  await makeStateDir(config.state)
  const unlock = await lockState(config.state)
  try {
    return await takeOver(await scene(config, await makeDriver(config), command.opts<Options>(), out))
  } catch (error) {
    if (!(error instanceof DriverError)) throw error
    throw new Mistake(
      `a takeover needs the container engine, and nothing was changed: ${error.message}. Start it (systemctl start docker), or name its socket with --docker`,
      error,
    )
  } finally {
    await unlock()
  }
}

async function scene(config: MinerConfig, driver: Driver, options: Options, out: Hands['out']): Promise<Scene> {
  const signer = makeSigner(await loadHotkey(config.hotkeyFile))
  const state = await openState(config.state, realClock.wallMs)
  let edge = state.edge()
  const control = new HttpControl(config.edge.url, signer, () => edge?.address ?? '', new EdgeClock(realClock))
  try {
    edge = await acceptIdentity(await control.identity(never), config.edge.pin, edge)
  } catch (error) {
    throw new Mistake(`a takeover needs the edge: ${reason(error)}`, error)
  }
  return { config, hotkey: signer.address, state, edge, driver, control, options, out }
}

/** Containers first: while they run, the install they belong to is worth more than a new one. */
async function takeOver(s: Scene): Promise<number> {
  const installs = await s.driver.installs({ edge: s.edge.address, hotkey: s.hotkey })
  const others = installs.filter((id) => id !== s.state.install)
  if (others.length === 0) return bind(s)
  if (installs.includes(s.state.install))
    throw new Mistake(
      `containers of this install and of ${others.join(', ')} are on this host: two agents run here, or ran. Stop the other one; nothing was changed`,
    )
  const chosen = s.options.install ?? (others.length === 1 ? others[0] : undefined)
  if (chosen === undefined)
    throw new Mistake(`containers of several installs are on this host: say with --install which one to take back: ${others.join(', ')}`)
  if (!others.includes(chosen)) throw new Mistake(`no container of ${chosen} is on this host; there are some of ${others.join(', ')}`)
  return adopt(s, chosen)
}

/** Becomes the install whose containers are here. */
async function adopt({ config, hotkey, edge, driver, control, options, out }: Scene, install: string): Promise<number> {
  const { containers } = await driver.list({ edge: edge.address, hotkey, install })
  const names = containers.map((c) => `  ${c.allocation}/${c.incarnation}  ${c.state}`).join('\n')
  const speaker = await speakerFor(control, install)
  if (speaker !== null && speaker !== install)
    throw new Mistake(
      `${containers.length} container(s) of ${install} are here, but the edge listens to ${speaker} by now, so nobody rents them any more:\n${names}\nRemove them, such as with: docker rm -f $(docker ps -aq --filter label=compute.install=${install})`,
    )
  if (!options.yes) {
    out(
      `${containers.length} container(s) of ${install} are on this host:\n${names}\n\nNothing was changed. With --yes this agent becomes that install and takes them back.`,
    )
    return 1
  }
  const { id: engine } = await driver.info()
  await becomeInstall(config.state, { install, edge, engine }, containers.filter(wasStarted), realClock.wallMs)
  out(`this agent is ${install} again, with ${containers.length} container(s):\n${names}\nStart it now: compute miner`)
  return 0
}

/** One that never started was being made when its agent died: it is made again. */
const wasStarted = (c: Container) => c.started

/** Nothing of this hotkey is here: what was rented is lost, and the edge has to hear it. */
async function bind({ state, control, options, out }: Scene): Promise<number> {
  const speaker = await speakerFor(control, state.install)
  if (speaker === null || speaker === state.install) {
    out('there is nothing to take over: start the agent')
    return 0
  }
  if (!options.yes) {
    out(
      `The edge listens to ${speaker}; none of its containers is on this host. Nothing was changed.\nWith --yes it listens to this install, ${state.install}: what is rented from the other one ENDS for its tenants, though it may run on there.\nIf that agent still runs somewhere, stop it first.`,
    )
    return 1
  }
  const { lost, moved } = await asked(control.takeover({ install: state.install, from: speaker }, never))
  out(`the edge listens to ${state.install} now. Start the agent: compute miner`)
  if (lost.length > 0) out(`ended as lost: ${lost.join(', ')}`)
  if (moved.length > 0) out(`on their way to another miner: ${moved.join(', ')}`)
  return 0
}

/** Which install the edge listens to, asked by a takeover that changes nothing; null: none yet. */
async function speakerFor(control: HttpControl, install: string): Promise<string | null> {
  try {
    await control.takeover({ install, from: install }, never)
    return install
  } catch (error) {
    if (!(error instanceof ControlError)) throw error
    if (error.code === 'not_registered') return null
    const named = error.code === 'agent_conflict' ? /\bin_[0-9a-z]{26}\b/.exec(error.message)?.[0] : undefined
    if (named) return named
    throw new Mistake(`the edge does not answer as hoped: ${error.message}`, error)
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new Mistake(`the edge refuses the takeover: ${reason(error)}`, error)
  }
}
