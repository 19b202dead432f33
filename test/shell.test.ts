import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import { shellContract } from './shell.contract.ts'
import { newOwner, newSpec } from './support/container.ts'
import { type Door, hasSshd, startSshd } from './support/sshd.ts'

/** A box as a miner makes it. */
async function box(): Promise<Door> {
  const root = await mkdtemp(join(tmpdir(), 'box-'))
  const [owner, { spec, target }] = [newOwner(), await newSpec('any')]
  const driver = boxDriver({ root })
  const { port } = await driver.run(owner, spec)
  return {
    door: { host: '127.0.0.1', port, user: 'root', hostKey: target.hostKey },
    privateKey: target.privateKey,
    log: () => '',
    stop: async () => {
      await driver.remove(owner, spec)
      await rm(root, { recursive: true, force: true })
    },
  }
}

shellContract('a box', box)

if (hasSshd()) shellContract('OpenSSH', startSshd)
else describe('the shell against OpenSSH', () => test.skip('needs sshd', () => undefined))
