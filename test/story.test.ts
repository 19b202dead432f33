import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AllocationView, hostKeyStatement, verifyBytes } from '../schema/index.ts'
import { openState } from '../node-agents/miner/state.ts'
import { testEngine } from './support/engine.ts'
import { hasOpenssh, keyPair, login, opensshLogin } from './support/ssh.ts'
import { type StackDriver, type StackMiner, startStack, type TestStack } from './support/stack.ts'

const engine = await testEngine()
const withSsh = await hasOpenssh()
const drivers: { name: string; driver: StackDriver | null }[] = [
  { name: 'box', driver: 'box' },
  { name: 'docker', driver: engine },
]
const pair = keyPair()

type Body = Record<string, unknown>

async function rent(stack: TestStack, key: string, body: Body = {}): Promise<AllocationView> {
  const answer = await stack.edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [pair.public], ...body }, { prefer: 'wait=60' })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  return answer.body
}

const release = async (stack: TestStack, key: string, id: string) =>
  (await stack.edge.call<AllocationView>(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=60' })).body

const free = async (stack: TestStack, key: string) => (await stack.edge.call<{ free: number }>(key, 'GET', '/v1/gpus')).body.free

function target(view: AllocationView) {
  if (!view.endpoint) throw new Error(`${view.id} has no endpoint: ${JSON.stringify(view)}`)
  return { port: view.endpoint.port, hostKey: view.endpoint.host_key, privateKey: pair.private }
}

/** Allocations that have a container of this miner on its host. */
async function held(stack: TestStack, { config, driver, hotkey }: StackMiner): Promise<string[]> {
  const { install } = await openState(config.state, Date.now)
  const { containers } = await driver.list({ edge: stack.edge.address, hotkey, install })
  return containers.map((c) => c.allocation)
}

describe.each(drivers)('a rental on $name', ({ driver }) => {
  describe.skipIf(!driver)('with two miners on one host', () => {
    let stack: TestStack
    let key: string
    const first = randomInt(20_000, 29_990)
    beforeAll(async () => {
      // Both agents offer the same two ports: they must find their way around each other.
      stack = await startStack({ miners: 2, driver: driver ?? 'box', config: { ports: { first, last: first + 1 } } })
      key = (await stack.client()).key
    })
    afterAll(() => stack?.close())
    const miner = (hotkey: string | null) => stack.miners.find((m) => m.hotkey === hotkey) ?? expect.fail(`no miner ${hotkey}`)
    const other = (hotkey: string | null) => stack.miners.find((m) => m.hotkey !== hotkey) ?? expect.fail('no other miner')

    it('from POST over SSH to nothing left', async () => {
      const view = await rent(stack, key, { gpu: { count: 2 } })
      expect(view).toMatchObject({ state: 'running', simulated: true, observed_generation: 1 })
      expect(await free(stack, key)).toBe(14)
      expect(await login(target(view), 'echo hello')).toMatchObject({ code: 0, out: 'hello\n' })
      if (withSsh) expect(await opensshLogin(target(view), 'echo hello')).toEqual({ out: 'hello\n', err: '' })
      expect(await release(stack, key, view.id)).toMatchObject({ state: 'ended', end_reason: 'released' })
      expect(await free(stack, key)).toBe(16)
      for (const m of stack.miners) expect(await held(stack, m)).toEqual([])
      await expect(login(target(view), 'true')).rejects.toThrow()
    })

    it('the host key is vouched for by the miner that was rented from', async () => {
      const { id, incarnation, endpoint, hotkey } = await rent(stack, key)
      if (!endpoint || !hotkey) throw new Error('no endpoint')
      const { host, port, fingerprint, signature } = endpoint
      expect(verifyBytes(hotkey, hostKeyStatement({ allocation: id, incarnation, host, port, fingerprint }), signature)).toBe(true)
      expect(verifyBytes(other(hotkey).hotkey, hostKeyStatement({ allocation: id, incarnation, host, port, fingerprint }), signature)).toBe(false)
      await release(stack, key, id)
    })

    it('what a client writes reaches the container as it stands, and no shell', async () => {
      const nasty = `'; touch /tmp/pwned; echo "$(id)" \`id\` \\ # {} é`
      const view = await rent(stack, key, { env: { NASTY: nasty, PLAIN: 'x' }, init: [['mkdir', '-p', `a; touch b`]] })
      expect((await login(target(view), 'printf %s "$NASTY"')).out).toBe(nasty)
      await release(stack, key, view.id)
      const busy = await stack.edge.call<AllocationView>(
        key,
        'POST',
        '/v1/allocations',
        { ssh_keys: [pair.public], init: [['sleep', '600']] },
        { prefer: 'wait=2' },
      )
      expect(busy.body).toMatchObject({ state: 'starting', progress: { stage: 'init' } })
      expect(await release(stack, key, busy.body.id)).toMatchObject({ state: 'ended' })
      const failing = await rent(stack, key, { init: [['sh', '-c', 'echo sorry >&2; exit 3']] })
      expect(failing).toMatchObject({ state: 'failed', error: { code: 'init_failed', message: expect.stringContaining('sorry') } })
    })

    it('agents share a host in peace: each its own containers, and the next free port', async () => {
      const one = await rent(stack, key, { hotkey: stack.miners[0]?.hotkey })
      const two = await rent(stack, key, { hotkey: stack.miners[1]?.hotkey })
      expect(new Set([one.endpoint?.port, two.endpoint?.port])).toEqual(new Set([first, first + 1]))
      for (const view of [one, two]) expect(await held(stack, miner(view.hotkey))).toEqual([view.id])

      const third = await rent(stack, key)
      expect(third).toMatchObject({ state: 'failed', end_reason: 'no_capacity', error: { code: 'no_port' } })
      expect(third.tried.map((t) => t.reason)).toEqual(['no_port', 'no_port'])
      for (const view of [one, two]) expect(await login(target(view), 'echo still here')).toMatchObject({ out: 'still here\n' })

      await release(stack, key, one.id)
      expect(await held(stack, miner(one.hotkey))).toEqual([])
      expect(await login(target(two), 'echo still here')).toMatchObject({ out: 'still here\n' })
      const fourth = await rent(stack, key)
      expect(fourth.state).toBe('running')
      await release(stack, key, two.id)
      await release(stack, key, fourth.id)
    })

    it('a stopped agent leaves its tenant alone, and knows it again when it is back', async () => {
      const view = await rent(stack, key)
      const owner = miner(view.hotkey)
      await login(target(view), 'echo kept > kept.txt')
      await owner.stop()
      expect(await login(target(view), 'cat kept.txt')).toMatchObject({ out: 'kept\n' })
      await owner.start()
      const again = (await stack.edge.call<AllocationView>(key, 'GET', `/v1/allocations/${view.id}`)).body
      expect(again).toMatchObject({ state: 'running', incarnation: 1, endpoint: { host_key: view.endpoint?.host_key, port: view.endpoint?.port } })
      expect(await login(target(view), 'cat kept.txt')).toMatchObject({ out: 'kept\n' })
      await release(stack, key, view.id)
      expect(await held(stack, owner)).toEqual([])
    })
  })
})

describe.skipIf(!engine)('images on docker', () => {
  it('one that cannot be pulled fails clearly, and leaves nothing', async () => {
    const absent = '127.0.0.1:9/nobody/has-this:1'
    const stack = await startStack({ driver: engine ?? 'box', config: { images: [absent] }, edgeVars: { DEFAULT_IMAGE: absent } })
    try {
      const { key } = await stack.client()
      const view = await rent(stack, key)
      expect(view).toMatchObject({ state: 'failed', error: { code: 'pull_failed' }, tried: [{ reason: 'pull_failed' }] })
      for (const m of stack.miners) expect(await held(stack, m)).toEqual([])
      const offered = await stack.edge.call(key, 'POST', '/v1/allocations', { ssh_keys: [pair.public], image: engine?.image })
      expect(offered).toMatchObject({ status: 422, body: { code: 'image_not_offered', allowed: [absent] } })
    } finally {
      await stack.close()
    }
  })
})
