import type { Command } from 'commander'
import { allocationId, type AllocationView } from '../../../schema/index.ts'
import { answer, Failure } from '../client.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { forget } from '../memory.ts'
import { details, plural, table, when } from '../print.ts'

const OVER = new Set(['ended', 'failed'])

/** "2 x NVIDIA H200 (simulated)" */
export function hardware({ gpus, simulated }: AllocationView): string {
  const models = [...Map.groupBy(gpus, (g) => g.model)].map(([model, list]) => `${list.length} x ${model}`)
  return (models.join(', ') || 'none') + (simulated ? ' (simulated)' : '')
}

const megabytes = (bytes: number) => Math.round(bytes / 1_000_000)

/** How far it has come up; of a pull every byte counts twice, as it is fetched and as it is unpacked. */
export function progressText({ progress }: Pick<AllocationView, 'progress'>): string | null {
  if (!progress) return null
  const { stage, current, total } = progress
  const share = total === null ? '' : ` ${Math.floor((100 * current) / Math.max(total, 1))} %`
  if (stage !== 'pull') return stage + share
  return `pull${share} (${megabytes(current)}${total === null ? '' : ` of ${megabytes(total)}`} MB fetched and unpacked)`
}

/** The state and what there is to know about it. */
function stateText({ id, state, desired, end_reason }: AllocationView): string {
  if (end_reason) return `${state} (${end_reason})`
  if (state === 'paused') return desired === 'pause' ? `paused (go on: compute resume ${id})` : 'paused (asked to resume)'
  return state === 'running' && desired === 'pause' ? 'running (asked to pause)' : state
}

const address = ({ endpoint }: AllocationView) => (endpoint ? `${endpoint.user}@${endpoint.host}:${endpoint.port}` : null)
const isolation = ({ driver }: AllocationView) => (driver === 'box' ? 'box: NO ISOLATION, commands run on the miner itself; for trying out only' : driver)
const failed = ({ error }: AllocationView) => error && `${error.code}: ${error.message}`

/** All a person wants to know of one allocation. */
export function allocationText(view: AllocationView, nowMs: number): string {
  const { id, name, state, hotkey, image, endpoint, tried, created_at, expires_at, ended_at, trace_id, unreachable_since, degraded } = view
  const live = !OVER.has(state)
  return details([
    ['id', id],
    ['name', name],
    ['state', stateText(view)],
    ['progress', live ? progressText(view) : null],
    ['unreachable', live && unreachable_since ? `since ${unreachable_since}: its miner does not answer; what runs there runs on` : null],
    ['degraded', live && degraded ? 'a GPU of it is missing from what its host reports' : null],
    ['error', failed(view)],
    ['gpus', hardware(view)],
    ['image', image],
    ['miner', hotkey],
    ['driver', isolation(view)],
    ['address', address(view)],
    ['host key', endpoint && endpoint.fingerprint],
    ['known_hosts', endpoint && endpoint.known_hosts],
    ['ssh', endpoint && endpoint.ssh_command],
    ['gave up on', tried.map((t) => `${t.hotkey} (${t.reason})`).join(', ') || null],
    ['rented', when(created_at, nowMs)],
    ['expires', live ? when(expires_at, nowMs) : null],
    ['ended', ended_at && when(ended_at, nowMs)],
    ['trace', trace_id],
  ])
}

function listText(items: AllocationView[], all: boolean, nowMs: number): string {
  const shown = all ? items : items.filter((a) => !OVER.has(a.state))
  const hidden = items.length - shown.length
  const rest = hidden > 0 ? `${plural(hidden, 'ended allocation')} not shown (--all)` : ''
  if (shown.length === 0) return ['Nothing rented. See what is free: compute gpus', rest].filter(Boolean).join('\n')
  const rows = shown.map((a) => [a.id, a.name ?? '', a.state, hardware(a), address(a) ?? '', when(a.expires_at, nowMs)])
  return [table(['ID', 'NAME', 'STATE', 'GPUS', 'ADDRESS', 'EXPIRES'], rows), rest].filter(Boolean).join('\n\n')
}

async function list(io: Io, options: Common & { all?: boolean; limit: string }): Promise<void> {
  const api = await apiOf(io)
  const { body } = await answer(api.v1.allocations.$get({ query: { limit: options.limit } }))
  show(io, options, body, ({ items, next }) => {
    const more = next === null ? '' : '\n\nThere are older ones (--limit, 200 at most)'
    return listText(items, options.all === true, io.nowMs()) + more
  })
}

/** One allocation of the caller. Throws `Refused` (`not_found`). @param waitS seconds to wait for it to come up */
export async function fetchAllocation(io: Io, id: string, waitS = 0): Promise<AllocationView> {
  const api = await apiOf(io)
  return (await answer(api.v1.allocations[':id'].$get({ param: { id }, header: { prefer: `wait=${waitS}` } }))).body
}

/** The one live allocation called that, or the id itself. Throws `Failure` when none or several are meant. */
export async function idOf(io: Io, idOrName: string): Promise<string> {
  if (allocationId.safeParse(idOrName).success) return idOrName
  const api = await apiOf(io)
  const { body } = await answer(api.v1.allocations.$get({ query: { limit: '200' } }))
  const [one, ...more] = body.items.filter((a) => a.name === idOrName && !OVER.has(a.state))
  if (!one) throw new Failure(`you have no allocation ${JSON.stringify(idOrName)}: compute ls shows ids and names`)
  if (more.length > 0) throw new Failure(`${more.length + 1} allocations are called ${JSON.stringify(idOrName)}: name one by its id, from compute ls`)
  return one.id
}

async function print(io: Io, idOrName: string, options: Common): Promise<void> {
  show(io, options, await fetchAllocation(io, await idOf(io, idOrName)), (body) => allocationText(body, io.nowMs()))
}

async function down(io: Io, idOrName: string, options: Common): Promise<void> {
  const id = await idOf(io, idOrName)
  const api = await apiOf(io)
  const { body } = await answer(api.v1.allocations[':id'].$delete({ param: { id }, header: {} }))
  await forget(io.env, body.id)
  show(io, options, body, (view) =>
    OVER.has(view.state) ? `${view.id} is released` : `${view.id} is being released; its miner has not said yet that it is gone (compute show ${view.id})`,
  )
}

/** `ls`, `show` and `down`: what the caller has rented. */
export function allocationCommands(program: Command, io: Io): void {
  program
    .command('ls')
    .description('your allocations, newest first')
    .option('--all', 'ended ones too')
    .option('--limit <n>', 'how many to ask for, 200 at most', '50')
    .option(...JSON_OPTION)
    .action((options: Common & { all?: boolean; limit: string }) => list(io, options))

  program
    .command('show')
    .description('one allocation')
    .argument('<id>', 'allocation id or name, from compute ls')
    .option(...JSON_OPTION)
    .action((id: string, options: Common) => print(io, id, options))

  program
    .command('down')
    .description('release an allocation: its container is removed with everything in it')
    .argument('<id>', 'allocation id or name, from compute ls')
    .option(...JSON_OPTION)
    .action((id: string, options: Common) => down(io, id, options))
}
