import { describe, test } from 'vitest'
import { dockerDriver } from '../node-agents/miner/docker/driver.ts'
import { shellContract } from './shell.contract.ts'
import { newOwner, newSpec } from './support/container.ts'
import { type TestEngine, testEngine } from './support/engine.ts'
import { eventually } from './support/eventually.ts'
import { LONG_MS, patience, shell } from './support/shells.ts'
import type { Door } from './support/sshd.ts'

/** A container as a miner makes it, with its image's OpenSSH. */
async function container(engine: TestEngine): Promise<Door> {
  const [owner, { spec, target }] = [newOwner(), await newSpec(engine.image)]
  const driver = dockerDriver({ socket: engine.socket, bindAddress: '127.0.0.1' })
  const { port } = await driver.run(owner, spec)
  const door = { host: '127.0.0.1', port, user: 'root', hostKey: target.hostKey }
  // It runs before its server answers.
  await eventually(() => shell.greet(door, LONG_MS, patience()))
  return {
    door,
    privateKey: target.privateKey,
    log: () => '',
    stop: async () => {
      await driver.remove(owner, spec)
      await driver.close?.()
    },
  }
}

const engine = await testEngine()

if (engine) shellContract('a container', () => container(engine))
else describe('the shell against a container', () => test.skip('needs an engine at DOCKER_HOST', () => undefined))
