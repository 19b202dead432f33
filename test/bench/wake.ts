import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { migrate } from '../../local/database/migrate.ts'
import { startDatabase } from '../../local/database/server.ts'
import { query } from '../support/database.ts'
import { WireMiner } from '../support/agent.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { type Bench, quantile, round } from './measure.ts'

const SOCKETS = { few: 30, many: 3000 }
const AT_ONCE = 50
const WAKES = 60
const RENTED = 20

type Woken = { miner: WireMiner; socket: WebSocket }

/** Miners on the wire, admitted, each with its wake socket open. */
async function open(edge: TestEdge, database: string, many: number): Promise<Woken[]> {
  const miners = Array.from({ length: many }, () => new WireMiner({ url: edge.url, address: edge.address }, 1))
  const rows = JSON.stringify(miners.map((m) => m.hotkey))
  await query(database, `INSERT INTO agents (hotkey, role, source, changed_at) SELECT value, 'miner', 'allow', 1 FROM json_each('${rows}')`)
  const woken: Woken[] = []
  while (woken.length < many)
    woken.push(...(await Promise.all(miners.slice(woken.length, woken.length + AT_ONCE).map(async (miner) => ({ miner, socket: await miner.socket() })))))
  return woken
}

/** From POST of an allocation, or DELETE, to the "go" on the socket of its miner. */
async function wakes(many: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-wake-'))
  const database = await startDatabase({ file: join(folder, 'edge.db') })
  await migrate(database.url)
  const edge = await startTestEdge(database.url)
  const all = await open(edge, database.url, many)
  const rented = all.slice(0, RENTED)
  for (const { miner } of rented) {
    await miner.register()
    await miner.sync()
  }
  const key = await edge.key('bench')
  const sample: number[] = []
  for (let i = 0; i < WAKES; i++) {
    const { miner, socket } = rented[i % RENTED] ?? { miner: null, socket: null }
    if (!miner) throw new Error('no miner')
    const heard = once(socket, 'message').then(() => performance.now())
    const start = performance.now()
    const { body } = await edge.allocate(key, { gpu: { count: 1 }, hotkey: miner.hotkey })
    sample.push((await heard) - start)
    const [entry] = await miner.sync()
    if (!entry) throw new Error('no wish')
    await edge.call(key, 'DELETE', `/v1/allocations/${body.id}`, undefined, { prefer: 'wait=0' })
    await miner.sync([miner.fact(entry, 'gone')])
  }
  for (const { socket } of all) socket.terminate()
  await edge.close()
  await database.close()
  await rm(folder, { recursive: true, force: true })
  return sample
}

/** How soon a miner hears of a rental, with 3,000 sockets open: the claim itself is in it. */
export const bench: Bench = async () => {
  const few = await wakes(SOCKETS.few)
  const many = await wakes(SOCKETS.many)
  return [0.5, 0.99].map((p) => {
    const [value, to] = [quantile(many, p), quantile(few, p)]
    return {
      name: p === 0.5 ? 'wake_ms_p50' : 'wake_ms_p99',
      value: round(value),
      unit: 'ms',
      to: `the same with ${SOCKETS.few} sockets (${round(to)} ms)`,
      ratio: round(value / to),
      n: many.length,
    }
  })
}
