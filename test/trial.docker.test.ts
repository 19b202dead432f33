import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { noFirewall } from '../node-agents/miner/docker/firewall.ts'
import type { Driver } from '../node-agents/core/ports.ts'
import { newOwner, newSpec } from './support/container.ts'
import { testEngine } from './support/engine.ts'
import { run } from './support/process.ts'
import { bundlesIn, flagsIn, proofRun, UUIDS } from './support/trial.ts'
import { until } from './support/until.ts'

/** `compute proof run` into a real container, and `compute proof verify` of what it wrote. */

const at = await testEngine()
const PREFIX = 'cmptt'

describe.skipIf(!at)('a proof of cards of one’s own, in a container', { timeout: 120_000 }, () => {
  let dir = ''
  let driver: Driver
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'trial-'))
    driver = dockerDriver({ ...(at && { socket: at.socket }), bindAddress: '127.0.0.1', prefix: PREFIX, walls: noFirewall })
  })
  afterEach(async () => {
    await driver.close?.()
    await rm(dir, { recursive: true, force: true })
  })
  const trial = (...flags: string[]) => proofRun(driver, [...flagsIn(dir, at?.image ?? ''), ...flags])
  const trials = async () => (await at?.engine.list({ label: ['compute.edge=trial', `compute.gpus=${UUIDS.join(',')}`] })) ?? []

  test('its evidence holds, its cards are foreign to an agent meanwhile, and its container goes', async () => {
    const running = trial('--selftest')
    running.catch(() => undefined)
    const agent = newOwner()
    const seen = await until(
      'the cards are held',
      async () => {
        const { foreignGpus, containers } = await driver.list(agent)
        return UUIDS.every((uuid) => foreignGpus.includes(uuid)) && containers
      },
      60_000,
    )
    expect(seen, 'nothing of it is taken for the agent’s own').toEqual([])
    const { code, out } = await running
    expect(out).toMatch(/ok {3}selftest +known answers[^]*ok {3}arithmetic +all 2 GPUs passed[^]*would say: simulated/)
    expect(code).toBe(0)
    expect(await trials()).toEqual([])
    const [bundle = ''] = await bundlesIn(dir)
    expect(await run('compute', ['proof', 'verify', bundle])).toMatchObject({ code: 0, out: expect.stringMatching(/holds +arithmetic/) })
  })

  test('nothing is taken from a tenant, and an image that is not here is named', async () => {
    const tenant = newOwner()
    const { spec } = await newSpec(at?.image ?? '', { gpus: UUIDS })
    await driver.run(tenant, spec)
    try {
      await expect(trial()).rejects.toThrow(/all 2 GPUs of this host are rented/)
      expect((await driver.list(tenant)).containers).toMatchObject([{ state: 'running' }])
    } finally {
      await driver.remove(tenant, spec)
    }
    await expect(trial('--image', 'not-here:1')).rejects.toThrow(/not-here:1 is not on this host: docker pull not-here:1/)
  })
})
