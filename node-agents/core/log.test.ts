import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { makeLog } from './log.ts'

const SECRETS = [
  'ck_01k0000000000000000000000a.0123456789abcdefghij',
  'horse battery staple phrase words',
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----',
  `0x${'ab'.repeat(32)}`,
  'ssh-ed25519 AAAASECRETKEY',
  'hunter2',
]

it('lets no key, password, variable or bearer through, whatever way it comes', () => {
  const lines: string[] = []
  const log = makeLog('trace', 'test', new Writable({ write: (chunk: Buffer, _, done) => (lines.push(chunk.toString()), done()) }))
  const [bearer, phrase, pem, seed, sshKey, value] = SECRETS
  log.info({ headers: { authorization: `Bearer ${bearer}` }, secretPhrase: phrase, deep: { a: [{ env: { PASSWORD: value } }] } }, `got Bearer ${bearer}`)
  log.error({ err: new Error(`bad ${pem}`, { cause: new Error(`with ${seed}`) }) }, `key ${pem}`)
  log.warn({ spec: { hostPrivateKey: pem, authorizedKeys: [sshKey], ssh_keys: [sshKey], password: value } })
  log.child({ token: bearer }).info(`child ${seed}`)
  expect(lines).toHaveLength(4)
  for (const secret of SECRETS) for (const piece of secret.split('\n')) expect(lines.join('')).not.toContain(piece)
  expect(lines[0]).toContain('got [redacted]')
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ level: 'error', agent: 'test', err: { type: 'Error', message: 'bad [redacted]' } })
})
