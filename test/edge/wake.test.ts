import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { onOneEdge, type TestEdge } from '../support/edge.ts'

let edge: TestEdge
let key: string
onOneEdge(async (e) => {
  edge = e
  key = await edge.key('alice')
})

const said = async (ws: WebSocket) => String((await once(ws, 'message'))[0])

describe('the wake socket', () => {
  it('says go when something was rented from its miner, when it was released, and when that is asked again', async () => {
    const miner = await edge.miner(1, 'Model woken')
    const ws = await miner.socket()
    const rented = said(ws)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model: 'woken' } })
    expect(await rented).toBe('go')
    const released = said(ws)
    await edge.call(key, 'DELETE', `/v1/allocations/${body.id}`, undefined, { prefer: 'wait=0' })
    expect(await released).toBe('go')
    const again = said(ws)
    await edge.call(key, 'DELETE', `/v1/allocations/${body.id}`, undefined, { prefer: 'wait=0' })
    expect(await again).toBe('go')
    ws.close()
  })

  it('answers pings by itself', async () => {
    const ws = await (await edge.miner(1)).socket()
    const answer = said(ws)
    ws.send('ping')
    expect(await answer).toBe('pong')
    ws.close()
  })

  it('is replaced by a newer one of the same hotkey, which says so', async () => {
    const miner = await edge.miner(1)
    const first = await miner.socket()
    const closed = once(first, 'close')
    const second = await miner.socket()
    expect((await closed)[0]).toBe(4001)
    second.close()
  })

  it('is opened for the hotkey that signed, whatever else the request says', async () => {
    const [mine, other] = [await edge.miner(1, 'Model mine'), await edge.miner(1, 'Model other')]
    const ws = await mine.socket({ 'x-verified-hotkey': other.hotkey })
    const heard: string[] = []
    ws.on('message', (data) => heard.push(String(data)))
    await edge.allocate(key, { gpu: { count: 1, model: 'model other' } })
    const go = said(ws)
    await edge.allocate(key, { gpu: { count: 1, model: 'model mine' } })
    await go
    expect(heard).toEqual(['go'])
    ws.close()
  })

  it('is for the install that speaks for its hotkey: another one loses it with its first report taken, and gets none', async () => {
    const first = await edge.miner(1, 'Model moved')
    const old = await first.socket()
    const second = first.reborn()
    const moved = await second.send('POST', '/agent/takeover', { install: second.install, from: first.install })
    expect(moved.status).toBe(200)
    const closed = once(old, 'close')
    await second.sync()
    expect((await closed)[0]).toBe(4001)
    await expect(first.socket()).rejects.toThrow('409')
    await expect(first.socket({}, 'nonsense')).rejects.toThrow('422')
    const listening = await second.socket()
    const go = said(listening)
    await edge.allocate(key, { gpu: { count: 1, model: 'moved' } })
    expect(await go).toBe('go')
    listening.close()
  })

  it('is open to agents of protocol 1, which do not say their install', async () => {
    const ws = await (await edge.miner(1)).socket({}, null)
    ws.close()
  })
})
