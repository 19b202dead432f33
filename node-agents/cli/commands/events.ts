import type { Command } from 'commander'
import type { EventView } from '../../../schema/index.ts'
import { answer } from '../client.ts'
import { loadCredentials } from '../credentials.ts'
import { apiOf, type Common, type Io } from '../io.ts'
import { number } from '../request.ts'
import { followEvents } from '../stream.ts'
import { eventLine, eventTable, Gaps, hops } from '../story.ts'
import { idOf } from './allocations.ts'

type Options = Common & { follow?: boolean; after?: string; trace?: string; limit: string }
type Range = { allocation: string | null; after: number | null; keep(e: EventView): boolean }

/** As many as one request may ask for. */
const PAGE = 500

/** The newest of all pages, oldest first. */
async function read(io: Io, { allocation, after, keep }: Range, most: number): Promise<{ items: EventView[]; older: boolean; next: number }> {
  const api = await apiOf(io)
  let items: EventView[] = []
  let older = false
  for (let next = after ?? 0; ;) {
    const query = { after: String(next), limit: String(PAGE), ...(allocation !== null && { allocation }) }
    const { body } = await answer(api.v1.events.$get({ query, header: {} }))
    const all = [...items, ...body.items.filter(keep)]
    items = all.slice(-most)
    older ||= all.length > items.length
    next = body.next
    if (body.items.length < PAGE) return { items, older, next }
  }
}

function text(items: EventView[], older: boolean, one: boolean): string {
  if (items.length === 0) return 'Nothing has happened yet'
  const above = older ? 'Older ones are not shown (--limit)\n\n' : ''
  const summary = one ? hops(items) : ''
  return `${above}${eventTable(items)}${summary && `\n\n${summary}`}`
}

async function follow(io: Io, range: Range, json: boolean): Promise<void> {
  const gaps = new Gaps()
  const lost = (why: string) => io.err(`the stream broke: ${why} Taking it up again where it broke.`)
  for await (const event of followEvents(await loadCredentials(io.env), { ...range, lost })) {
    if (range.keep(event)) io.out(json ? JSON.stringify(event) : eventLine(event, gaps))
  }
}

async function events(io: Io, idOrName: string | undefined, options: Options): Promise<void> {
  const given = options.after === undefined ? null : number('--after', options.after, 'the id of an event')
  const most = number('--limit', options.limit, 'how many')
  const allocation = idOrName === undefined ? null : await idOf(io, idOrName)
  const range = { allocation, keep: (e: EventView) => options.trace === undefined || e.trace_id === options.trace }
  // Of one allocation its whole story is told, of all of them what comes from now on.
  if (options.follow) return follow(io, { ...range, after: given ?? (allocation === null ? null : 0) }, options.json === true)
  const { items, older, next } = await read(io, { ...range, after: given }, most)
  io.out(options.json ? JSON.stringify({ items, next }) : text(items, older, allocation !== null || options.trace !== undefined))
}

/** `events`: what happened to allocations, and how long each step took. */
export function eventCommand(program: Command, io: Io): void {
  program
    .command('events')
    .description('what happened to your allocations, with the milliseconds from each event to the next')
    .argument('[id]', 'allocation id or name, from compute ls: its story alone, and where the time of each request went (default: all)')
    .option('--follow', 'go on with what happens, until Ctrl-C; a broken line is taken up again')
    .option('--after <n>', 'only after the event with this id')
    .option('--trace <id>', 'only what this request led to; compute show says the trace of a rental')
    .option('--limit <n>', 'the newest so many', '200')
    .option('--json', "print the edge's JSON instead of text; with --follow one event a line")
    .addHelpText('after', '\nExample:\n  compute events al_01k… --follow')
    .action((id: string | undefined, options: Options) => events(io, id, options))
}
