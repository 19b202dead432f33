import { type Command, Option } from 'commander'
import type { AllocationView } from '../../../schema/index.ts'
import { Mistake } from '../../core/mistake.ts'
import { type Answer, answer, REPEATABLE } from '../client.ts'
import { readKey } from '../keys.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { identitiesOf, remember } from '../memory.ts'
import { plural, when } from '../print.ts'
import { number } from '../request.ts'
import { fetchAllocation, idOf } from './allocations.ts'

type Options = Common & { wait: string }

/** A request is given up after a minute. */
const MOST_S = 50

function header({ wait }: Options): { prefer: string } {
  const seconds = number('--wait', wait, 'a number of seconds')
  if (seconds > MOST_S) throw new Mistake(`--wait ${wait}: ${MOST_S} s at most; then look again with compute show`)
  return { prefer: `wait=${Math.floor(seconds)}` }
}

/** Done, or asked for and not done yet; then the next look is the user's. */
function say(io: Io, options: Common, { status, body }: Answer<AllocationView>, done: string, todo: string): void {
  show(io, options, body, ({ id }) =>
    status === 200 ? `${id} ${done}` : `${id} was asked to ${todo}; its miner has not said yet that it did (compute show ${id})`,
  )
}

async function pause(io: Io, idOrName: string, options: Options): Promise<void> {
  const id = await idOf(io, idOrName)
  const api = await apiOf(io)
  const answered = await answer(api.v1.allocations[':id'].pause.$post({ param: { id }, header: header(options) }, REPEATABLE))
  say(io, options, answered, `is paused. Its GPUs stay yours and the lease runs on. Go on: compute resume ${id}`, 'pause')
}

async function resume(io: Io, idOrName: string, options: Options): Promise<void> {
  const id = await idOf(io, idOrName)
  const api = await apiOf(io)
  const answered = await answer(api.v1.allocations[':id'].resume.$post({ param: { id }, header: header(options) }, REPEATABLE))
  say(io, options, answered, 'runs on', 'resume')
}

/** Names the number of this restart, so that a request whose answer was lost restarts once. */
async function restart(io: Io, idOrName: string, options: Options): Promise<void> {
  const { id, restart_n } = await fetchAllocation(io, await idOf(io, idOrName))
  const api = await apiOf(io)
  const answered = await answer(
    api.v1.allocations[':id'].restart.$post({ param: { id }, header: header(options), json: { restart_n: restart_n + 1 } }, REPEATABLE),
  )
  say(io, options, answered, answered.body.state === 'paused' ? 'was restarted and is paused, as before' : 'was restarted', 'restart')
}

async function rekey(io: Io, idOrName: string, options: Options & { key: string[] }): Promise<void> {
  const keys = await Promise.all(options.key.map(readKey))
  const identities = keys.map((k) => k.identity)
  const id = await idOf(io, idOrName)
  const api = await apiOf(io)
  // Both, until the edge has said which ones hold: its answer may be lost after it was done.
  await remember(io.env, id, [...new Set([...identities, ...(await identitiesOf(io.env, id))])])
  const json = { ssh_keys: keys.map((k) => k.line) }
  const answered = await answer(api.v1.allocations[':id'].rekey.$post({ param: { id }, header: header(options), json }, REPEATABLE))
  if (answered.status === 200) await remember(io.env, id, identities)
  say(
    io,
    options,
    answered,
    `opens to ${plural(keys.length, 'key')} and no other. Log in: compute ssh ${id}`,
    `open to ${plural(keys.length, 'key')} and no other`,
  )
}

async function extend(io: Io, idOrName: string, options: Common & { hours: string }): Promise<void> {
  const lease_hours = number('--hours', options.hours, 'a number of hours from now')
  const id = await idOf(io, idOrName)
  const api = await apiOf(io)
  const { body } = await answer(api.v1.allocations[':id'].extend.$post({ param: { id }, json: { lease_hours } }, REPEATABLE))
  show(io, options, body, (view) => `${view.id} expires ${when(view.expires_at, io.nowMs())} (${view.expires_at})`)
}

/** `pause`, `resume`, `restart`, `rekey` and `extend`: what one can do with a rental. */
export function actCommands(program: Command, io: Io): void {
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument('<id>', 'allocation id or name, from compute ls')
      .option(...JSON_OPTION)
  const act = (name: string, description: string) =>
    command(name, description).option('--wait <seconds>', `how long to wait until its miner has done it; 0: not at all, ${MOST_S} at most`, '30')

  act('pause', 'freeze what runs in an allocation; its GPUs stay yours, the lease runs on').action((id: string, options: Options) => pause(io, id, options))
  act('resume', 'let a paused allocation run on').action((id: string, options: Options) => resume(io, id, options))
  act('restart', 'stop and start its container once; the disk stays, a paused one stays paused').action((id: string, options: Options) =>
    restart(io, id, options),
  )
  act('rekey', 'change who may log in; sessions of a key that is not named end')
    .addOption(
      new Option('--key <file>', 'SSH public key that may log in from now on; repeatable')
        .argParser((value: string, before: string[] = []) => [...before, value])
        .makeOptionMandatory(),
    )
    .action((id: string, options: Options & { key: string[] }) => rekey(io, id, options))
  command('extend', 'move the end of the lease')
    .requiredOption('--hours <n>', 'hours from now; never ends a lease earlier')
    .action((id: string, options: Common & { hours: string }) => extend(io, id, options))
}
