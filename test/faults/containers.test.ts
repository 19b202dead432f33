import { cp } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { until } from '../support/until.ts'
import { OwnEngine } from './engine.ts'
import { GPUS, Market } from './market.ts'
import { Tenant } from './tenant.ts'

/** Seconds after which a container that nobody sees is lost. */
const MISSING_AFTER = '2'
/** Fills memory, with the SSH server as the first that the kernel would end. */
const HOG = `for p in /proc/[0-9]*; do read -r name < $p/comm; [ "$name" != sshd ] || echo 1000 > $p/oom_score_adj; done; head -c 2G /dev/zero | tail`

const engine = await OwnEngine.open()
afterAll(() => engine?.close(), 120_000)

describe.skipIf(!engine)('a container', () => {
  let market: Market
  const tenant = new Tenant(() => market)
  beforeAll(async () => {
    market = await Market.open(engine, { '--missing-after': MISSING_AFTER, '--max-memory-gb': '2' })
  }, 120_000)
  afterAll(() => market?.close(), 120_000)
  afterEach(async () => {
    if (market.taps.engine) market.taps.engine.onRequest = () => undefined
    await tenant.leave()
  }, 180_000)

  test('that somebody kills by hand is started again, with what its tenant left in it', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const { id, endpoint } = await tenant.rent()
    await tenant.run(id, 'echo mine > kept')
    expect(await engine?.byHand(id, 'kill')).toBe(1)
    await until('it was started again', async () => (await market.starts(id)) === 2, 60_000)
    await eventually(async () => expect(await tenant.reads(id, 'cat kept')).toBe('mine'), 60_000)
    await eventually(async () => expect(await market.see(id)).toMatchObject({ state: 'running', incarnation: 1, endpoint: { port: endpoint?.port } }))
    expect(await market.free()).toBe(GPUS - 1)
  })

  test('whose memory runs out is started again, and its tenant is told why', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const { id } = await tenant.rent()
    await tenant.run(id, 'echo mine > kept')
    await tenant.run(id, HOG).catch(() => undefined) // the session may end with the server
    await until('it was started again', async () => (await market.starts(id)) === 2, 60_000)
    await eventually(async () => expect((await market.see(id)).error?.message).toMatch(/memory/), 60_000)
    await eventually(async () => expect(await tenant.reads(id, 'cat kept')).toBe('mine'), 60_000)
    expect(await market.see(id)).toMatchObject({ state: 'running', incarnation: 1 })
  })

  test('that somebody removes by hand is lost: its tenant is told, its GPU is free, and nothing is made in its place', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const [stays, goes] = [await tenant.rent(), await tenant.rent()]
    expect(await engine?.byHand(goes.id, 'remove')).toBe(1)
    await until('it is given up', async () => (await market.see(goes.id)).ended_at !== null, 90_000)
    expect(await market.see(goes.id)).toMatchObject({ state: 'failed', end_reason: 'lost', incarnation: 1 })
    expect(await tenant.events(goes.id)).toEqual(expect.arrayContaining(['ready', 'failed', 'ended']))
    expect((await market.containers()).map((c) => c.allocation)).toEqual([stays.id])
    expect(await tenant.reads(stays.id, 'echo here')).toBe('here')
    await eventually(async () => expect(await market.free()).toBe(GPUS - 1))
  })

  test(
    'is not lost to an engine that hangs while it answers pings; nothing new begins there, and what was asked is done later',
    { timeout: 240_000 },
    async () => {
      onTestFailed(async () => console.error(await market.logs()))
      const { engine: tap } = market.taps
      if (!tap) throw new Error('no tap')
      const { id } = await tenant.rent()
      const hang = Promise.withResolvers<void>()
      tap.onRequest = (e) => (e.path.includes('_ping') ? undefined : hang.promise)
      await tenant.act(id, 'pause')
      await until('the host is not offered', async () => (await market.free()) === 0, 120_000)
      const refused = await market.call('POST', '/v1/allocations', {
        ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPrvpHvYgTeUrwuLrCcvhZFnJBgnDRp2HWr2vYSFTN4O'],
      })
      expect(refused).toMatchObject({ status: 409, body: { code: 'no_capacity' } })
      expect(await market.see(id)).toMatchObject({ state: 'running' })
      expect(await tenant.reads(id, 'echo here'), 'the tenant sees nothing of it').toBe('here')
      tap.onRequest = () => undefined
      hang.resolve()
      await tenant.settled(id, 'paused')
      await eventually(async () => expect(await market.free()).toBe(GPUS - 1), 60_000)
    },
  )

  test('of an agent that runs twice, over copies of one state, stays its tenant’s', { timeout: 240_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const { id } = await tenant.rent()
    await tenant.run(id, 'echo mine > kept')
    const second = await market.secondAgent((from, to) => cp(from, to, { recursive: true, filter: (path) => !/lock|\.sock/.test(path) }))
    try {
      await until('both say so', async () => /two agents must never share a hotkey/.test(await market.logs()), 60_000)
      expect(await tenant.reads(id, 'cat kept')).toBe('mine')
      await tenant.act(id, 'pause')
      await tenant.settled(id, 'paused')
    } finally {
      await second.stop()
    }
    await market.calm()
    await tenant.act(id, 'resume')
    await tenant.settled(id, 'running')
    expect(await tenant.reads(id, 'cat kept')).toBe('mine')
    expect(await market.starts(id)).toBe(1)
    expect(await market.free()).toBe(GPUS - 1)
  })
})
