import { randomInt } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import type { Clock, PullProgress } from '../node-agents/core/ports.ts'
import { realClock } from '../node-agents/core/clock.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { pullWithin } from '../node-agents/miner/pull.ts'
import type { AllocationView } from '../schema/index.ts'
import { HandClock } from './support/clock.ts'
import { readUntil } from './support/edge.ts'
import { testEngine, type TestEngine } from './support/engine.ts'
import { Registry } from './support/registry.ts'
import { keyPair, login } from './support/ssh.ts'
import { startStack } from './support/stack.ts'

/** Images on their way from a registry to a tenant. */

const at = await testEngine()
type Offer = { hotkey: string; images: { reference: string; warm: boolean }[] }

const never = new AbortController().signal

/** Takes an image off the engine by any of its names; not there is done. */
function forget({ socket }: TestEngine, reference: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method: 'DELETE', path: `/images/${reference}` }, (response) => {
      response.resume()
      response.on('end', resolve)
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe.skipIf(!at)('images', () => {
  if (!at) return void test('needs an engine at DOCKER_HOST', () => undefined)
  const driver = dockerDriver({ socket: at.socket, bindAddress: '127.0.0.1' })
  let registry: Registry
  const pulled: string[] = []
  beforeAll(async () => {
    registry = await Registry.start()
  })
  afterEach(async () => {
    registry.faults = {}
    registry.release()
    for (const reference of pulled.splice(0)) await forget(at, reference)
  })
  afterAll(() => registry?.stop())

  /** A reference in our registry, removed from the engine in the end. */
  const named = (name: string) => {
    const reference = `${registry.host}/${name}`
    pulled.push(reference)
    return reference
  }
  const pull = async (reference: string) => {
    const seen: PullProgress[] = []
    await driver.pull(reference, (p) => seen.push(p), never)
    return seen
  }

  describe('a pull', () => {
    test('by tag tells its bytes, and is warm afterwards', async () => {
      await registry.addSmall('small:1', 4 * 1024 * 1024)
      const reference = named('small:1')
      expect(await driver.hasImage(reference)).toBe(false)
      const seen = await pull(reference)
      expect(seen.at(-1)?.current).toBeGreaterThan(4 * 1024 * 1024)
      expect(seen.at(-1)?.current).toBe(seen.at(-1)?.total)
      expect(await driver.hasImage(reference)).toBe(true)
    })

    test.each([
      ['digest', (tag: string, digest: string) => `${tag.split(':')[0]}@${digest}`],
      ['tag and digest', (tag: string, digest: string) => `${tag}@${digest}`],
    ])('by %s takes these bytes and no others', async (_, name) => {
      const tag = `pinned:v${randomInt(1e9)}`
      const digest = await registry.addSmall(tag)
      const reference = named(name(tag, digest))
      await pull(reference)
      expect(await driver.hasImage(reference)).toBe(true)
      await registry.addSmall(tag) // the tag moves on
      expect(await driver.hasImage(reference)).toBe(true)
      const other = reference.replace(digest, `sha256:${'0'.repeat(64)}`)
      expect(await driver.hasImage(other)).toBe(false)
      await expect(pull(other)).rejects.toMatchObject({ code: 'pull_failed', message: expect.stringMatching(/manifest unknown|not found/) })
    })

    test.each([
      ['is absent', { status: 404 }, /manifest unknown|not found/],
      ['needs a login', { status: 401 }, /unauthorized|authentication|no basic auth/i],
      ['is asked for too often', { status: 429 }, /toomanyrequests|slow down/i],
      ['is not what its digest says', { wrongDigest: true }, /verification failed|digest/],
    ] as const)('of an image that %s fails, and says so', async (_, faults, message) => {
      const tag = `bad:v${randomInt(1e9)}`
      const digest = await registry.addSmall(tag)
      registry.faults = faults
      const reference = named('wrongDigest' in faults ? `bad@${digest}` : tag)
      await expect(pull(reference)).rejects.toMatchObject({ name: 'DriverError', code: 'pull_failed', message: expect.stringMatching(message) })
      expect(await driver.hasImage(reference)).toBe(false)
    })

    test('that breaks off in the middle of a layer goes on by itself', async () => {
      const tag = `cut:v${randomInt(1e9)}`
      await registry.addSmall(tag, 4 * 1024 * 1024)
      registry.faults = { cutAfter: 1024 * 1024 }
      const reference = named(tag)
      await pull(reference)
      expect(await driver.hasImage(reference)).toBe(true)
      expect(registry.faults).toEqual({})
    })

    test('that is stuck ends after its deadline, with a word, and can be made again', async () => {
      const tag = `stuck:v${randomInt(1e9)}`
      await registry.addSmall(tag, 4 * 1024 * 1024)
      registry.faults = { holdAfter: 1024 * 1024 }
      const hand = new HandClock()
      // Real time until the registry holds its breath, then a minute that is over at once.
      const clock: Clock = {
        wallMs: () => hand.wallMs(),
        monotonicMs: () => hand.monotonicMs(),
        sleep: (ms, signal) => (registry.held > 0 ? hand.sleep(ms, signal) : realClock.sleep(5, signal)),
      }
      const reference = named(tag)
      await expect(pullWithin({ driver, clock, diskReserveGb: 0 }, reference, () => undefined, never)).rejects.toMatchObject({
        code: 'pull_failed',
        message: `no byte of ${reference} came for 60 s`,
      })
      expect(await driver.hasImage(reference)).toBe(false)
      registry.faults = {}
      registry.release() // this engine keeps reading until it gets something, and only then lets go of it
      await pull(reference)
      expect(await driver.hasImage(reference)).toBe(true)
    })
  })

  it('come to a tenant with their progress; the host is then warm, and preferred', async () => {
    const tag = `workspace:v${randomInt(1e9)}`
    const digest = await registry.addFrom(tag, at)
    const image = named(`${tag}@${digest}`)
    const stack = await startStack({ driver: at, config: { images: [image] } })
    try {
      const { key } = await stack.client()
      const pair = keyPair()
      const rent = (wait: string) => stack.edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [pair.public], image }, { prefer: wait })
      const offers = async () => (await stack.edge.call<{ items: Offer[] }>(key, 'GET', '/v1/gpus')).body.items
      const warm = async () => (await offers()).flatMap((o) => o.images).find((i) => i.reference === image)?.warm
      expect(await warm()).toBe(false)

      registry.faults = { holdAfter: 50 * 1024 * 1024 }
      const first = (await rent('wait=0')).body
      const get = async (id: string) => (await stack.edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
      const pulling = await readUntil(
        () => get(first.id),
        (v) => v.progress?.stage === 'pull' && v.progress.current > 10 * 1024 * 1024,
        60_000,
      )
      expect(pulling).toMatchObject({ state: 'starting', image })
      expect(pulling.progress?.current).toBeLessThan(pulling.progress?.total ?? 0)
      registry.faults = {}
      registry.release()
      const ready = await readUntil(
        () => get(first.id),
        (v) => v.state === 'running',
        120_000,
      )
      expect((await login({ port: ready.endpoint?.port ?? 0, hostKey: ready.endpoint?.host_key ?? '', privateKey: pair.private }, 'echo in')).out).toBe('in\n')
      await readUntil(warm, (is) => is === true)

      const cold = await stack.edge.miner(64)
      cold.facts = { ...cold.facts, images: [{ reference: image, warm: false }] }
      await cold.sync()
      const second = (await rent('wait=60')).body
      expect(second).toMatchObject({ state: 'running', hotkey: stack.miners[0]?.hotkey })
    } finally {
      await stack.close()
    }
  }, 300_000)

  it('are there before somebody asks, where the host offers them', async () => {
    const tag = `early:v${randomInt(1e9)}`
    await registry.addSmall(tag)
    const image = named(tag)
    const stack = await startStack({ driver: at, config: { images: [at.image, image], prepull: true } })
    try {
      const { key } = await stack.client()
      const warm = async () => (await stack.edge.call<{ items: Offer[] }>(key, 'GET', '/v1/gpus')).body.items[0]?.images
      expect(await readUntil(warm, (images) => images?.every((i) => i.warm) === true, 60_000)).toHaveLength(2)
    } finally {
      await stack.close()
    }
  })
})
