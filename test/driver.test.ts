import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { actsContract } from './acts.contract.ts'
import { driverContract } from './driver.contract.ts'
import type { Subject } from './support/contract.ts'
import { containersOf, testEngine } from './support/engine.ts'

async function box(): Promise<Subject> {
  const root = await mkdtemp(join(tmpdir(), 'box-'))
  return {
    driver: boxDriver({ root }),
    image: 'anything/at-all:1',
    leftovers: async (allocation) => (await readdir(root)).filter((name) => name.includes(allocation)),
    close: () => rm(root, { recursive: true, force: true }),
  }
}

driverContract('box', box)
actsContract('box', box)

const engine = await testEngine()

if (engine) {
  const docker = async (): Promise<Subject> => ({
    driver: dockerDriver({ socket: engine.socket, bindAddress: '127.0.0.1' }),
    image: engine.image,
    leftovers: (allocation) => containersOf(engine, allocation),
    close: async () => undefined,
  })
  driverContract('docker', docker)
  actsContract('docker', docker)
} else {
  describe('driver docker', () => test.skip('needs an engine at DOCKER_HOST', () => undefined))
}
