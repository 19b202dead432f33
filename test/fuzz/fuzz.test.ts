import { afterAll, beforeAll, expect, test } from 'vitest'
import { PROBLEM_CODES, problemBody, type WishEntry } from '../../schema/index.ts'
import { HOST_KEY, type WireMiner } from '../support/agent.ts'
import { databases, type Running } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { clientRequest, type OpenApi, type Route, routesOf } from './client.ts'
import { type Answer, hangUp, send, type Wire } from './http.ts'
import { Random } from './random.ts'
import type { World } from './schema.ts'
import { agentRequest } from './wire.ts'

/** COMPUTE_FUZZ_SEED repeats a run, COMPUTE_FUZZ_COUNT makes a longer one. */
const SEED = Number(process.env['COMPUTE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const COUNT = Number(process.env['COMPUTE_FUZZ_COUNT'] ?? 10_000)
const AT_ONCE = 16
const AGENTS = 24
/** Share of requests that come from agents. */
const SIGNED = 0.3
const SHOWN = 12

/** The runtime keeps to itself what nobody handles; this makes it say so. */
const TELL = "addEventListener('unhandledrejection', (event) => console.error('unhandled rejection: ' + String(event.reason)))\n"

let database: Running
let edge: TestEdge
beforeAll(async () => {
  const backend = databases().findLast((b) => b.available) // the real one, where it is at hand: it is stricter about text
  if (!backend) throw new Error('no database')
  database = await backend.start()
  edge = await startTestEdge(database.url, { rewrite: (script) => TELL + script })
})
afterAll(async () => {
  hangUp()
  await edge?.close()
  await database?.close()
})

/** Why an answer is not as it must be; null: it is. */
function wrong({ status, headers, text }: Answer, path: string): string | null {
  if (status === 101 || (status >= 200 && status < 300)) return null
  if (path.startsWith('/health') && status === 503) return null // nothing fires cron here
  if (status >= 500) return `${status}: ${text.slice(0, 200)}`
  if (!headers['content-type']?.startsWith('application/problem+json'))
    return `${status} is no problem document: ${headers['content-type']} ${text.slice(0, 100)}`
  if (headers['content-length'] === '0' || text === '') return null // HEAD
  const problem = problemBody.safeParse(JSON.parse(text))
  if (!problem.success) return `${status} with a code outside of the list (${PROBLEM_CODES.length}): ${text.slice(0, 200)}`
  return problem.data.status === status ? null : `${status} says it is ${problem.data.status}`
}

const shown = ({ method, path, headers, body }: Wire) =>
  `${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 500)} ${body?.toString('latin1').slice(0, 600) ?? ''}`

/** Lines of the edge's log that say something happened which nobody thought of. */
const alarms = (logs: string[]) => logs.filter((l) => /uncaught|unhandled|"level":"error"|TypeError|RangeError/i.test(l))

type Setting = { routes: Route[]; world: World; keys: string[]; miners: WireMiner[]; wishes: Map<WireMiner, WishEntry[]> }

/** A market with something in every table. */
async function settle(): Promise<Setting> {
  const [client, other] = [await edge.key('alice'), await edge.key('bob')]
  // Not the operator's own key, whose rate would be used up.
  const quota = { requests_per_minute: 1_000_000 }
  const admin = (await edge.call<{ secret: string }>(edge.adminKey, 'POST', '/admin/keys', { tenant: 'operator', scopes: ['admin'], quota })).body.secret
  const miners = await Promise.all(Array.from({ length: AGENTS }, (_, i) => edge.miner(4, `Model ${i}`)))
  const made = await Promise.all(miners.map(() => edge.allocate(client, { gpu: { count: 2 } })))
  const wishes = new Map(await Promise.all(miners.map(async (m) => [m, await m.obey()] as const)))
  const doc = (await edge.call<OpenApi>(client, 'GET', '/openapi.json')).body
  const hotkeys = [...miners.slice(0, 3).map((m) => m.hotkey), '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY']
  const world: World = { ids: [...made.map((m) => m.body.id), 'al_00000000000000000000000000'], hotkeys, schemas: doc.components.schemas }
  return { routes: routesOf(doc), world, keys: [client, other, admin], miners, wishes }
}

function draw(r: Random, { routes, world, keys, miners, wishes }: Setting): Wire {
  if (!r.chance(SIGNED)) return clientRequest(r, r.of(routes), world, keys)
  const miner = r.of(miners)
  return agentRequest(r, miner, edge.address, wishes.get(miner) ?? [])
}

test(`${COUNT} requests of all kinds meet no 500, no hang and no rejection that nobody handles (seed ${SEED})`, { timeout: 600_000 }, async () => {
  const setting = await settle()
  const r = new Random(SEED)
  const found: string[] = []
  const statuses = new Map<number, number>()
  let sent = 0
  async function worker() {
    while (sent++ < COUNT) {
      const wire = draw(r, setting)
      const answer = await send(edge.url, wire).catch((error: unknown) => ({ status: 599, headers: {}, text: String(error) }))
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      const why = wrong(answer, wire.path)
      if (why) found.push(`${why}\n    ${shown(wire)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  console.info(`seed ${SEED}: ${JSON.stringify(Object.fromEntries([...statuses].toSorted()))}`)
  expect(found.slice(0, SHOWN), `${found.length} answers are wrong`).toEqual([])
  expect(alarms(edge.logs).slice(0, SHOWN)).toEqual([])
  expect(statuses.get(200) ?? 0, 'requests that go through').toBeGreaterThan(COUNT / 20)
})

test('text that no database takes is refused as such', async () => {
  const key = await edge.key('halves')
  const { status, body } = await edge.call(key, 'POST', '/v1/allocations', `{"name":"\\ud800","ssh_keys":["${HOST_KEY}"]}`)
  expect({ status, body }).toMatchObject({ status: 400, body: { code: 'malformed_request', detail: expect.stringContaining('surrogate') } })
  const whole = await edge.allocate(key, { name: '🦀', image: 'none/such:1' })
  expect(whole).toMatchObject({ status: 422, body: { code: 'image_not_offered' } })
})

test('afterwards a rental is as it ever was', async () => {
  const key = await edge.key('after')
  const miner = await edge.miner(1, 'Model after')
  const { body } = await edge.allocate(key, { gpu: { count: 1, model: 'after' } })
  await miner.obey()
  const seen = () => edge.call<{ state: string }>(key, 'GET', `/v1/allocations/${body.id}`)
  expect((await seen()).body.state).toBe('running')
  await edge.call(key, 'DELETE', `/v1/allocations/${body.id}`, undefined, { prefer: 'wait=0' })
  await miner.obey()
  expect((await seen()).body.state).toBe('ended')
})
