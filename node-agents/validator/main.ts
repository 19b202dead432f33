import { makeStateDir } from '../core/files.ts'
import { Cleanup, live, type Loop } from '../core/life.ts'
import { lockState } from '../core/lock.ts'
import { type Log, makeLog } from '../core/log.ts'
import { Mistake } from '../core/mistake.ts'
import type { Chain } from '../core/ports.ts'
import { buildCommand, readSettings } from '../core/settings.ts'
import { openSocket } from '../core/socket.ts'
import { assemble, type Hands } from './assemble.ts'
import { listOfCommands, runCommand } from './commands/index.ts'
import { SETTINGS, validatorConfig, type ValidatorConfig } from './config.ts'
import { routesOf } from './operator.ts'
import { State } from './state.ts'
import type { Validator } from './status.ts'
import { openStore } from './store/open.ts'

/** What a validator does all day. */
function loopsOf({ chain, follow, post, publish, jobs }: Validator): Loop[] {
  return [
    { name: 'chain', run: (s) => chain.run(s) },
    { name: 'follow', run: (s) => follow.run(s) },
    { name: 'post', run: (s) => post.run(s) },
    { name: 'publish', run: (s) => publish.run(s) },
    ...jobs.map((job): Loop => ({ name: job.name, run: (s) => job.run(s) })),
  ]
}

export type MakeChain = (config: ValidatorConfig, log: Log) => Promise<Chain> | Chain

const connect: MakeChain = async ({ chain }, log) => (await import('../core/chain/index.ts')).connectChain({ ...chain, log })

/**
 * Runs a validator until the signal fires. Trouble with the chain or the edge never ends it. Rejects with a `Mistake` when the operator
 * has to change something, such as a damaged state file or a second validator on the same state.
 */
export async function runValidator(config: ValidatorConfig, signal: AbortSignal, log: Log, makeChain: MakeChain = connect, hands: Hands = {}): Promise<void> {
  const cleanup = new Cleanup()
  try {
    await makeStateDir(config.state)
    cleanup.defer('lock', await lockState(config.state))
    const store = await openStore(config.state, log)
    cleanup.defer('store', () => store.close())
    const validator = await assemble(config, { state: await State.open(config.state), store, chain: await makeChain(config, log), log, hands })
    cleanup.defer('control socket', await opened('the control socket', openSocket(config.state, routesOf(validator), log), log))
    if (config.metrics) cleanup.defer('metrics', await opened('--metrics', metrics(validator, config.metrics, log), log))
    log.info({ hotkey: validator.hotkey, netuid: config.netuid, edge: config.edge.url }, 'validator started')
    await live(loopsOf(validator), signal, log)
  } finally {
    await cleanup.run(log)
    log.info('validator stopped')
  }
}

/** What only lets the operator look in: nothing waits for it, or ends because it cannot be opened. */
async function opened(name: string, open: Promise<() => Promise<void>>, log: Log): Promise<() => Promise<void>> {
  try {
    return await open
  } catch (error) {
    log.error({ err: error }, `${name} cannot be opened; the validator goes on without`)
    return async () => undefined
  }
}

async function metrics(validator: Validator, at: { host: string; port: number }, log: Log): Promise<() => Promise<void>> {
  const [{ registryOf }, { serveMetrics }] = await Promise.all([import('./metrics.ts'), import('../core/metrics.ts')])
  return serveMetrics(await registryOf(validator), at, log)
}

/** `compute validator …`: the agent itself, or the subcommand its first word names. @returns the exit code */
export async function validatorMain(argv: string[], makeChain: MakeChain = connect): Promise<number> {
  try {
    const [name, ...rest] = argv
    if (name === undefined || name.startsWith('-')) return await agentMain(argv, makeChain)
    return await runCommand(name, rest, { env: process.env, out: (text) => console.log(text) })
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

async function agentMain(argv: string[], makeChain: MakeChain): Promise<number> {
  const about = 'Score the miners of a subnet, set weights and see that they are there, and tell the edge who is registered'
  const command = buildCommand('compute validator', about, SETTINGS).addHelpText('after', listOfCommands())
  const values = readSettings(command, SETTINGS, argv, process.env)
  if (!values) return 0
  const config = validatorConfig(values)
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, onSignal) // a second one ends the process at once
  try {
    await runValidator(config, stop.signal, makeLog(config.logLevel, 'validator'), makeChain)
    return 0
  } finally {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.removeListener(name, onSignal)
  }
}
