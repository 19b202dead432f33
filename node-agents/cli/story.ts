import type { EventView } from '../../schema/index.ts'
import { table, tableRow } from './print.ts'

/** What a person reads of events. Pure. */

/** 1234567 as "1,234,567". */
const thousands = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, ',')
const ms = (from: EventView, to: EventView) => Date.parse(to.at) - Date.parse(from.at)

/** Already in another column, or the same in every line. */
const ELSEWHERE = new Set(['hotkey', 'incarnation', 'phase', 'took'])

/** "pull 1,200 ms, start 200 ms" */
function stages(took: unknown): string {
  const list = took !== null && typeof took === 'object' ? Object.entries(took) : []
  return list.map(([stage, n]) => `${stage} ${thousands(Number(n))} ms`).join(', ')
}

/** What an event says beyond its word. */
export function detailsOf({ kind, data }: EventView): string {
  const rest = Object.entries(data).filter(([name]) => !ELSEWHERE.has(name))
  const texts = rest.map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [kind === 'phase' ? String(data['phase']) : '', stages(data['took']), ...texts].filter(Boolean).join(', ')
}

/** Milliseconds since what the same allocation told before; empty for the first. */
export class Gaps {
  readonly #last = new Map<string, EventView>()
  next(event: EventView): string {
    const before = this.#last.get(event.allocation_id)
    this.#last.set(event.allocation_id, event)
    return before ? `+${thousands(ms(before, event))}` : ''
  }
}

const HEAD = ['TIME', 'MS', 'ALLOCATION', 'EVENT', 'DETAILS']
const cells = (event: EventView, gaps: Gaps) => [event.at, gaps.next(event), event.allocation_id, event.kind, detailsOf(event)]

export function eventTable(events: EventView[]): string {
  const gaps = new Gaps()
  return table(
    HEAD,
    events.map((e) => cells(e, gaps)),
  )
}

const WIDTHS = [24, 12, 29, 14]

/** One line of a table that has no end. */
export const eventLine = (event: EventView, gaps: Gaps) => tableRow(cells(event, gaps), WIDTHS)

/** What a request ends with: whatever bears its trace afterwards is another matter. */
const DONE: ReadonlySet<EventView['kind']> = new Set(['ready', 'failed', 'paused', 'resumed', 'restarted', 'rekeyed', 'ended'])

/** Where the time went: a line for each request (one trace), from its first event to the one it ends with. What stands alone has no hops. */
export function hops(events: EventView[]): string {
  const rows = [...Map.groupBy(events, (e) => e.trace_id)].flatMap(([trace, list]) => {
    const end = list.findIndex((e) => DONE.has(e.kind))
    const path = end === -1 ? list : list.slice(0, end + 1)
    const [first, last] = [path[0], path.at(-1)]
    return first && last && path.length > 1 ? [[path.map(hop).join(', '), `${thousands(ms(first, last))} ms`, trace]] : []
  })
  return rows.length === 0 ? '' : table(['REQUEST', 'IN ALL', 'TRACE'], rows)
}

function hop(event: EventView, i: number, path: EventView[]): string {
  const word = event.kind === 'phase' ? String(event.data['phase']) : event.kind
  const before = path[i - 1]
  return before ? `+${thousands(ms(before, event))} ms ${word}` : word
}
