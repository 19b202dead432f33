import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import { shellContract } from './shell.contract.ts'
import { newOwner, newSpec } from './support/container.ts'
import { LONG_MS, patience, shell } from './support/shells.ts'
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

if (hasSshd()) {
  shellContract('OpenSSH', startSshd)
  describe('the shell against an OpenSSH that exchanges keys again and again', () => {
    test('loses nothing of what is said in between', async () => {
      const at = await startSshd(['RekeyLimit 1M', 'LogLevel DEBUG'])
      onTestFinished(() => at.stop())
      const login = await shell.login(at.door, at.privateKey, LONG_MS, patience())
      onTestFinished(() => login.close())
      const run = await login.run('head -c 20000000 /dev/zero | tee /dev/stderr | sha256sum | cut -c-64; cat', patience())
      await run.write(`${'y'.repeat(3_000_000)}\n`)
      let [hash, echoed] = ['', 0]
      for await (const bytes of run.output) {
        if (hash.length < 65) hash += Buffer.from(bytes).toString()
        echoed += bytes.length
        if (echoed === 65 + 3_000_001) break
      }
      expect(hash.slice(0, 64)).toBe(createHash('sha256').update(Buffer.alloc(20_000_000)).digest('hex'))
      expect(at.log().match(/rekey/gi)?.length).toBeGreaterThan(5)
    })
  })
} else describe('the shell against OpenSSH', () => test.skip('needs sshd', () => undefined))
