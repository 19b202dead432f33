import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { signRequest } from '../../schema/index.ts'
import { nonceAt, type WireMiner } from '../support/agent.ts'
import { databases } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string; close(): Promise<void> }
let edge: TestEdge
let key: string
beforeAll(async () => {
  const [sqlite] = databases()
  if (!sqlite) throw new Error('no database')
  db = await sqlite.start()
  edge = await startTestEdge(db.url)
  key = await edge.key('alice')
})
afterAll(async () => {
  await edge?.close()
  await db?.close()
})

async function socket(miner: WireMiner, headers: Record<string, string> = {}): Promise<WebSocket> {
  const signed = signRequest(miner.secret, {
    method: 'GET',
    target: '/agent/wake',
    body: new Uint8Array(),
    nonce: nonceAt(Date.now()),
    sender: miner.hotkey,
    receiver: edge.address,
  })
  const ws = new WebSocket(`${edge.url.replace('http', 'ws')}/agent/wake`, { headers: { ...signed, ...headers } })
  await once(ws, 'open')
  return ws
}

const said = async (ws: WebSocket) => String((await once(ws, 'message'))[0])

describe('the wake socket', () => {
  it('says go when something was rented from its miner, and when it was released', async () => {
    const miner = await edge.miner(1, 'Model woken')
    const ws = await socket(miner)
    const rented = said(ws)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model: 'woken' } })
    expect(await rented).toBe('go')
    const released = said(ws)
    await edge.call(key, 'DELETE', `/v1/allocations/${body.id}`, undefined, { prefer: 'wait=0' })
    expect(await released).toBe('go')
    ws.close()
  })

  it('answers pings by itself', async () => {
    const ws = await socket(await edge.miner(1))
    const answer = said(ws)
    ws.send('ping')
    expect(await answer).toBe('pong')
    ws.close()
  })

  it('is replaced by a newer one of the same hotkey, which says so', async () => {
    const miner = await edge.miner(1)
    const first = await socket(miner)
    const closed = once(first, 'close')
    const second = await socket(miner)
    expect((await closed)[0]).toBe(4001)
    second.close()
  })

  it('is opened for the hotkey that signed, whatever else the request says', async () => {
    const [mine, other] = [await edge.miner(1, 'Model mine'), await edge.miner(1, 'Model other')]
    const ws = await socket(mine, { 'x-verified-hotkey': other.hotkey })
    const heard: string[] = []
    ws.on('message', (data) => heard.push(String(data)))
    await edge.allocate(key, { gpu: { count: 1, model: 'model other' } })
    const go = said(ws)
    await edge.allocate(key, { gpu: { count: 1, model: 'model mine' } })
    await go
    expect(heard).toEqual(['go'])
    ws.close()
  })
})
