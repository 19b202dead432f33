import * as fc from 'fast-check'
import type { Connection } from 'ssh2'
import { describe, expect, test } from 'vitest'
import { ShellError } from '../node-agents/core/ports.ts'
import { sshHost } from './support/hosts.ts'
import { allOf, commands, LONG_MS, patience, shell } from './support/shells.ts'
import { until } from './support/until.ts'

/** Messages that make no sense, from a host that holds its key. What throws past the caller fails the run. */

type Raw = {
  _protocol: { _packetRW: { write: { finalize(packet: Buffer): Buffer } }; _cipher: { allocPacket(length: number): Buffer; encrypt(packet: Buffer): void } }
}

/** Sends a message of any content, sealed as an honest one. */
function send(client: Connection, payload: Uint8Array): void {
  const { _cipher: cipher } = (client as unknown as Raw)._protocol
  const packet = cipher.allocPacket(payload.length)
  packet.set(payload, 5)
  cipher.encrypt(packet)
}

const u32 = fc.oneof(fc.constantFrom(0, 1, 2, 0x7fff_ffff, 0xffff_ffff), fc.nat()).map((n) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
})
const text = fc.oneof(
  fc.constantFrom('exit-status', 'exit-signal', 'signal', 'hostkeys-00@openssh.com', 'keepalive@openssh.com', 'session', 'ssh-userauth', ''),
  fc.string({ maxLength: 40 }),
)
const string = text.map((value) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(value))
  return Buffer.concat([length, Buffer.from(value)])
})
const part = fc.oneof(
  u32,
  string,
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
)
/** All messages of the connection, half of them about the first channel; those of an exchange and of logging in too. */
const kind = fc.oneof(fc.integer({ min: 80, max: 100 }), fc.constantFrom(91, 92, 93, 94, 95, 96, 97, 98), fc.integer({ min: 1, max: 79 }))
const message = fc
  .tuple(kind, fc.boolean(), fc.array(part, { maxLength: 5 }))
  .map(([type, first, parts]) => Buffer.concat([Buffer.from([type]), first ? Buffer.alloc(4) : Buffer.alloc(0), ...parts]))

describe('a host that talks nonsense', () => {
  test('ends what is under way, or does it no harm', async () => {
    let nonsense: Buffer[] = []
    const host = await sshHost(
      commands((channel, client) => {
        for (const payload of nonsense) send(client, payload)
        channel.on('error', () => undefined)
        channel.end()
      }),
    )
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), async (messages) => {
          nonsense = messages
          const login = await shell.login(host.door, host.privateKey, LONG_MS, patience())
          const work = async () => {
            const run = await login.run('x', patience())
            const deaf = setTimeout(() => run.close(), 500)
            await allOf(run).finally(() => clearTimeout(deaf))
          }
          await work().catch((error: unknown) => expect(error).toBeInstanceOf(ShellError))
          await login.upload('/tmp/x', Buffer.from('x'), AbortSignal.timeout(50)).catch((error: unknown) => expect(error).toBeInstanceOf(ShellError))
          await login.close()
          await until('all connections closed', () => host.open() === 0)
        }),
        { numRuns: 150 },
      )
    } finally {
      await host.stop()
    }
  })
})
