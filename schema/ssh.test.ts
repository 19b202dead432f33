import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { fingerprint, hostKeyStatement, knownHosts, parsePublicKey, sshPublicKey } from './ssh.ts'

const keygen = !spawnSync('ssh-keygen', ['-?']).error
if (!keygen) console.warn('\n!! NO ssh-keygen: keys are not compared with the real one.\n')

const folder = mkdtempSync(join(tmpdir(), 'compute-ssh-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An SSH wire blob: each field with its length before it. */
function blob(...fields: (string | Uint8Array)[]): string {
  const parts = fields.flatMap((field) => {
    const bytes = Buffer.from(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  })
  return Buffer.concat(parts).toString('base64')
}

const bytes = (n: number, first = 1) => new Uint8Array(n).fill(7).fill(first, 0, 1)
/** A modulus of this many bits: its highest bit set, a zero before it that keeps it positive. */
const modulus = (bits: number) => new Uint8Array([0, ...bytes(bits / 8, 0x80)])
const E = new Uint8Array([1, 0, 1])
/** The generator of P-256: a point that is on the curve. */
const POINT = Buffer.from(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  'hex',
)
const ED25519 = `ssh-ed25519 ${blob('ssh-ed25519', bytes(32))}`

const GOOD: Record<string, string> = {
  ed25519: ED25519,
  'hardware ed25519': `sk-ssh-ed25519@openssh.com ${blob('sk-ssh-ed25519@openssh.com', bytes(32), 'ssh:')}`,
  'hardware ecdsa': `sk-ecdsa-sha2-nistp256@openssh.com ${blob('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', POINT, 'ssh:')}`,
  'RSA 2048': `ssh-rsa ${blob('ssh-rsa', E, modulus(2048))}`,
  'RSA 16384': `ssh-rsa ${blob('ssh-rsa', E, modulus(16384))}`,
}

describe.each(Object.entries(GOOD))('%s', (_, line) => {
  it('comes back as type and body alone', () => {
    for (const input of [line, `${line} me@home`, `  ${line}\t comment with "quotes" $(x) \r\n`]) expect(parsePublicKey(input)).toEqual({ ok: true, line })
  })

  it.skipIf(!keygen)('has the fingerprint ssh-keygen prints', () => {
    expect(execFileSync('ssh-keygen', ['-lf', '-'], { input: line, encoding: 'utf8' })).toContain(` ${fingerprint(line)} `)
  })
})

describe.skipIf(!keygen).each([
  ['ed25519', 256],
  ['ecdsa', 256],
  ['ecdsa', 384],
  ['ecdsa', 521],
  ['rsa', 2048],
  ['rsa', 3072],
])('a real %s key of %i bits', (type, bits) => {
  it('is taken, and has the fingerprint ssh-keygen prints', () => {
    const file = join(folder, `${type}${bits}`)
    execFileSync('ssh-keygen', ['-q', '-t', type, '-b', String(bits), '-N', '', '-C', 'a comment; with $things', '-f', file])
    const pub = readFileSync(`${file}.pub`, 'utf8')
    const line = sshPublicKey.parse(pub)
    expect(line).toBe(pub.split(' ').slice(0, 2).join(' '))
    const said = execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' })
    expect(said.startsWith(`${bits} ${fingerprint(line)} `)).toBe(true)
    expect(parsePublicKey(readFileSync(file, 'utf8'))).toMatchObject({ ok: false, message: expect.stringContaining('private key') })
  })
})

it.each<[what: string, key: string, why: RegExp]>([
  ['options before the type', `command="id" ${ED25519}`, /options/],
  ['an option that reads like a type', `no-pty ${ED25519}`, /not base64/],
  ['two keys', `${ED25519}\n${ED25519}`, /one line/],
  ['a line break in the comment', `${ED25519} me\nssh-rsa AAAA`, /one line/],
  ['a carriage return', `${ED25519} me\rx`, /one line/],
  ['a NUL', `${ED25519}\u0000`, /control characters/],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n', /private key: never send it/],
  ['nothing', '', /options|base64/],
  ['a type alone', 'ssh-ed25519', /does not match/],
  ['text for base64', 'ssh-ed25519 not*base64', /not base64/],
  ['a body cut short', ED25519.slice(0, -4), /does not match|32 bytes/],
  ['bytes behind the body', `ssh-ed25519 ${blob('ssh-ed25519', bytes(32), '')}`, /32 bytes/],
  ['a length beyond the end', `ssh-ed25519 ${Buffer.from([0xff, 0xff, 0xff, 0xff, 1]).toString('base64')}`, /does not match/],
  ['31 bytes of key', `ssh-ed25519 ${blob('ssh-ed25519', bytes(31))}`, /32 bytes/],
  ['one type outside, another inside', `ssh-rsa ${blob('ssh-ed25519', bytes(32))}`, /does not match/],
  ['a type hidden behind a byte order mark', `ssh-ed25519 ${blob('\ufeffssh-ed25519', bytes(32))}`, /does not match/],
  ['RSA of 1024 bits', `ssh-rsa ${blob('ssh-rsa', E, modulus(1024))}`, /2048 to 16384 bits, this one has 1024/],
  ['RSA of 2047 bits', `ssh-rsa ${blob('ssh-rsa', E, bytes(256, 0x7f))}`, /has 2047/],
  ['RSA of 16385 bits', `ssh-rsa ${blob('ssh-rsa', E, bytes(2049))}`, /has 16385/],
  ['RSA padded with zeros', `ssh-rsa ${blob('ssh-rsa', E, new Uint8Array(256))}`, /has 0/],
  ['a negative modulus', `ssh-rsa ${blob('ssh-rsa', E, bytes(256, 0x80))}`, /has 0/],
  ['DSA', `ssh-dss ${blob('ssh-dss', bytes(128), bytes(20), bytes(128), bytes(128))}`, /"ssh-dss" is not taken/],
  ['a certificate', `ssh-ed25519-cert-v01@openssh.com ${blob('ssh-ed25519-cert-v01@openssh.com', bytes(32))}`, /is not taken/],
  ['a point of another curve', `ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp384', bytes(65, 4))}`, /not a point on nistp256/],
  ['a point too short', `ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp256', bytes(33, 2))}`, /not a point on nistp256/],
  ['a point that is not plain', `ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp256', bytes(65, 2))}`, /not a point on nistp256/],
  [
    'a curve hardware keys have not',
    `sk-ecdsa-sha2-nistp384@openssh.com ${blob('sk-ecdsa-sha2-nistp384@openssh.com', 'nistp384', bytes(97, 4), 'ssh:')}`,
    /is not taken/,
  ],
])('refuses %s, says why and what to do', (_, key, why) => {
  const { error } = sshPublicKey.safeParse(key)
  expect(error?.issues[0]?.message).toMatch(why)
  expect(error?.issues[0]?.message).toContain('paste one line of a .pub file')
})

it('refuses a key too long to be one', () => {
  expect(sshPublicKey.safeParse(`${ED25519} ${'x'.repeat(9000)}`).success).toBe(false)
})

it('lets no hostile text through', () => {
  const hostile = fc.constantFrom(
    ' ',
    '\t',
    '\n',
    '\r',
    '\u0000',
    '"',
    "'",
    '$(id)',
    '`',
    ';',
    '|',
    '\\',
    '\u2028',
    '\ufeff',
    'command=',
    ',',
    '#',
    '\u{1f600}',
    ED25519,
    'AAAA',
    '=',
  )
  const text = fc.oneof(
    fc.array(fc.oneof(hostile, fc.string({ unit: 'binary' })), { maxLength: 8 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(text, text, fc.constantFrom(...Object.values(GOOD)), (before, behind, key) => {
      const parsed = parsePublicKey(before + key + behind)
      if (!parsed.ok) return
      expect(parsed.line).toMatch(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$/)
      expect(parsePublicKey(parsed.line)).toEqual(parsed)
    }),
    { numRuns: 3000 },
  )
})

it('writes known_hosts lines as OpenSSH reads them', () => {
  expect(knownHosts('192.0.2.1', 20_022, ED25519)).toBe(`[192.0.2.1]:20022 ${ED25519}`)
  expect(knownHosts('example.com', 22, ED25519)).toBe(`example.com ${ED25519}`)
})

it('states every part of what a miner vouches for', () => {
  const e = { allocation: 'al_1', incarnation: 2, host: 'h', port: 3, fingerprint: 'SHA256:x' }
  expect(new TextDecoder().decode(hostKeyStatement(e))).toBe('compute-host-key/1\nal_1\n2\nh\n3\nSHA256:x')
})
