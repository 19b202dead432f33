import { errno, Mistake, reason } from '../node-agents/core/mistake.ts'
import { banner } from './stack/banner.ts'
import { demo } from './stack/demo.ts'
import { type Choice, choose, keepDriver } from './stack/engine.ts'
import { Interrupted, Interruption } from './stack/interruption.ts'
import { parseOptions, type UpOptions } from './stack/options.ts'
import { noPython } from './stack/python.ts'
import { Stack } from './stack/stack.ts'
import { StackState } from './stack/state.ts'

/** `npm start`: the whole market on this machine. `npm start -- --demo`: one rental from end to end. */

const FIRST_PORT = 20_000
const EXIT = { failed: 1, interrupted: 130 } as const
const say = (line: string) => console.log(line)

async function up(options: UpOptions, interruption: Interruption): Promise<void> {
  const state = await StackState.open(options.state)
  const choice = await chosen(options, state).catch(async (error: unknown) => {
    await state.unlock()
    throw error
  })
  const { miners, port, simulate } = options
  const unprovable = await noPython(choice)
  if (unprovable) choice.notes.push(unprovable)
  const stack = new Stack({ state, port, choice, miners, simulate, firstPort: FIRST_PORT, recorded: unprovable !== null })
  interruption.kill = () => stack.kill()
  const start = async () => {
    await stack.startServers()
    const { uids } = await stack.startChain()
    await stack.startMiners()
    const miners = stack.miners.map(({ hotkey, options: { ports } }) => ({ hotkey, ports, uid: uids.get(hotkey) ?? null }))
    const { hotkey, state: at } = stack.validator
    const validator = { hotkey, uid: uids.get(hotkey) ?? null, state: at }
    const { url, chainUrl, databaseUrl, clientKey, adminKey } = stack
    say(banner({ url, chainUrl, databaseUrl, clientKey, adminKey, folder: state.folder, simulate, recorded: unprovable !== null, validator, miners }, choice))
    void tellWeights(stack, () => stopping)
    await stack.broken
  }
  let stopping = false
  try {
    await Promise.race([start(), stack.broken, interruption.first])
  } catch (error) {
    if (!(error instanceof Interrupted)) complain(error)
  } finally {
    stopping = true
    await stack.stop()
  }
  say('stopped; npm start resumes it')
}

/** Says when there are weights to look at. Nothing waits for them, and the market is there without. */
async function tellWeights(stack: Stack, stopping: () => boolean): Promise<void> {
  try {
    const { uids, block } = await stack.weights()
    say(`\nweights    ${uids.length} uids (${uids.join(', ')}), read back at block ${block}`)
  } catch (error) {
    if (!stopping()) say(`\nweights    none: ${reason(error)}`)
  }
}

/** Where rentals run: as at the last start. */
async function chosen(options: UpOptions, state: StackState): Promise<Choice> {
  const choice = await choose({ ...options, dockerHost: process.env['DOCKER_HOST'] })
  keepDriver(choice, state.keys.driver, state.folder)
  await state.keep({ driver: choice.driver })
  return choice
}

function complain(error: unknown): void {
  process.exitCode = EXIT.failed
  console.error(error instanceof Mistake ? `error: ${reason(error)}` : error)
}

process.umask(0o077) // whatever is made, also in a folder that others may read, is for this user only
// Whoever read our output may leave (`npm start | head`); what is running must still be stopped in order.
process.stdout.on('error', (error) => {
  if (errno(error) !== 'EPIPE') throw error
})
try {
  const options = parseOptions(process.argv.slice(2), process.env)
  const interruption = new Interruption(say)
  if (options?.demo) await demo(options, await choose({ ...options, dockerHost: process.env['DOCKER_HOST'] }), interruption, say)
  else if (options) await up(options, interruption)
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = EXIT.interrupted
  else complain(error)
}
process.exit()
