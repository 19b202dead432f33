import { generateKeyPairSync, randomBytes } from 'node:crypto'

const TYPE = 'ssh-ed25519'
const MAGIC = 'openssh-key-v1\0'
const BLOCK = 8
const LINE = 70

/** A length-prefixed SSH string (RFC 4251 §5). */
function field(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(body.length)
  return Buffer.concat([size, body])
}

function number(n: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(n)
  return out
}

/** OpenSSH's own private key format (PROTOCOL.key), not encrypted: sshd takes no PKCS#8 for ed25519. */
function encode(publicKey: Buffer, seed: Buffer, comment: string): string {
  const publicBlob = Buffer.concat([field(TYPE), field(publicKey)])
  const check = randomBytes(4)
  const inner = Buffer.concat([check, check, field(TYPE), field(publicKey), field(Buffer.concat([seed, publicKey])), field(comment)])
  const padding = Buffer.from(Array.from({ length: (BLOCK - (inner.length % BLOCK)) % BLOCK }, (_, i) => i + 1))
  const body = Buffer.concat([
    Buffer.from(MAGIC),
    field('none'),
    field('none'),
    field(''),
    number(1),
    field(publicBlob),
    field(Buffer.concat([inner, padding])),
  ])
  const lines = body.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

/** A new ed25519 key, of a host or of a client: the private half as OpenSSH reads it, the public half as "type base64". */
export function generateSshKey(comment: string): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync('ed25519')
  const { x = '', d = '' } = pair.privateKey.export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url')
  const blob = Buffer.concat([field(TYPE), field(publicKey)])
  return { privateKey: encode(publicKey, Buffer.from(d, 'base64url'), comment), publicKey: `${TYPE} ${blob.toString('base64')}` }
}
