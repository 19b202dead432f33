import type { AllocationFact, AllocationView, Wish } from '../../schema/index.ts'
import type { Exchange, Side } from '../support/tap.ts'
import type { Act, ActName } from './acts.ts'
import type { Market, Victim } from './market.ts'

/** What tells one act from everything else that is said at the same time. */
export type Case = { act: Act; before: AllocationView | null; /** Rentals of earlier rows. */ past: ReadonlySet<string> }

/** One moment of an act at which something dies. */
export type Step = { victim: Victim; when: string; at: keyof Market['taps']; side: Side; is: (e: Exchange, c: Case) => boolean }

const BEFORE = 'before it is passed on'
const AFTER = 'after it was answered'

/** Does this about the rental of this row? */
const concerns = (id: string, { before, past }: Case) => (before ? id === before.id : !past.has(id))

/** The edge writes the wish. */
const writes = ({ body }: Exchange, { act }: Case) => body.includes(`"${act.word}"`)

/** The agent says that it is done. */
function says({ path, body }: Exchange, c: Case): boolean {
  if (path !== '/agent/sync') return false
  const { allocations } = JSON.parse(body) as { allocations: AllocationFact[] }
  return allocations.some((f) => concerns(f.id, c) && c.act.done(f, c.before))
}

/** The edge writes that it is done: the facts of a report are one argument of the statement. */
function notes({ body }: Exchange, c: Case): boolean {
  if (!body.includes('sync_token')) return false
  const texts = [...body.matchAll(/"value":("(?:[^"\\]|\\.)*")/g)].map(([, text = '""']) => JSON.parse(text) as string)
  const facts = texts.filter((t) => t.startsWith('[{"id":"al_')).flatMap((t) => JSON.parse(t) as AllocationFact[])
  return facts.some((f) => concerns(f.id, c) && c.act.done(f, c.before))
}

/** The edge gives the agent the wish. */
function gives({ path, answer }: Exchange, c: Case): boolean {
  if (path !== '/agent/sync' || !answer.includes('"wish"')) return false
  const { wish } = JSON.parse(answer) as { wish: string }
  const { allocations } = JSON.parse(Buffer.from(wish.split('.')[1] ?? '', 'base64url').toString()) as Wish
  return allocations.some((e) => concerns(e.id, c) && e.generation > (c.before?.generation ?? 0))
}

/** What is said between client, edge, database and agent, whatever the driver. */
export const STEPS: Step[] = [
  { victim: 'edge', when: 'before the wish is written', at: 'database', side: BEFORE, is: writes },
  { victim: 'edge', when: 'with the wish written and nobody told', at: 'database', side: AFTER, is: writes },
  { victim: 'edge', when: 'as the agent says it is done', at: 'edge', side: BEFORE, is: says },
  { victim: 'edge', when: 'with that written and the agent not answered', at: 'edge', side: AFTER, is: says },
  { victim: 'database', when: 'before the wish is written', at: 'database', side: BEFORE, is: writes },
  { victim: 'database', when: 'with the wish written and the edge not answered', at: 'database', side: AFTER, is: writes },
  { victim: 'database', when: 'before the fact is written', at: 'database', side: BEFORE, is: notes },
  { victim: 'database', when: 'with the fact written and the edge not answered', at: 'database', side: AFTER, is: notes },
  { victim: 'agent', when: 'with the wish on its way', at: 'edge', side: AFTER, is: gives },
  { victim: 'agent', when: 'with it done and nobody told', at: 'edge', side: BEFORE, is: says },
  { victim: 'agent', when: 'with the edge told and the agent not answered', at: 'edge', side: AFTER, is: says },
]

/** What an agent asks of its engine, call by call. */
const CALLS: Record<ActName, { said: string; is: RegExp }[]> = {
  allocate: [
    { said: 'the container is made', is: /^POST \/containers\/create/ },
    { said: 'its files are put in', is: /^PUT \/containers\/\w+\/archive/ },
    { said: 'it is started', is: /^POST \/containers\/\w+\/start/ },
  ],
  pause: [{ said: 'it is paused', is: /^POST \/containers\/\w+\/pause/ }],
  resume: [{ said: 'it is thawed', is: /^POST \/containers\/\w+\/unpause/ }],
  rekey: [
    { said: 'the keys are put in', is: /^PUT \/containers\/\w+\/archive/ },
    { said: 'sessions are ended', is: /^POST \/exec\/\w+\/start/ },
  ],
  restart: [
    { said: 'it is stopped', is: /^POST \/containers\/\w+\/stop/ },
    { said: 'it is started again', is: /^POST \/containers\/\w+\/start/ },
  ],
  release: [{ said: 'it is removed', is: /^DELETE \/containers\// }],
}

/** Before the first call of an act, and after each: the moment after one is the moment before the next. */
export const engineSteps = (act: ActName, victim: Victim): Step[] =>
  CALLS[act].flatMap(({ said, is }, i) => {
    const step = { victim, at: 'engine' as const, is: ({ method, path }: Exchange) => is.test(`${method} ${path}`) }
    const first: Step[] = i === 0 ? [{ ...step, when: `before ${said}`, side: BEFORE }] : []
    return [...first, { ...step, when: `when ${said}`, side: AFTER }]
  })
