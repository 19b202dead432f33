import { sha256 } from '@noble/hashes/sha2.js'
import { base64, base64nopad } from '@scure/base'
import * as z from 'zod'

const EC_CURVES: Record<string, number> = { nistp256: 65, nistp384: 97, nistp521: 133 }
const RSA_BITS = { min: 2048, max: 16384 }
const FIX = 'paste one line of a .pub file, such as "ssh-ed25519 AAAA…"'

export type ParsedKey = { ok: true; line: string } | { ok: false; message: string }

/** Length-prefixed fields of an SSH wire blob (RFC 4251 §5), or null when lengths do not add up. */
function fields(blob: Uint8Array): Uint8Array[] | null {
  const out: Uint8Array[] = []
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) return null
    const end = at + 4 + view.getUint32(at)
    if (end > blob.length) return null
    out.push(blob.subarray(at + 4, end))
    at = end
  }
  return out
}

/** A byte order mark stays in: without it the text would equal what the bytes do not. */
const text = (bytes: Uint8Array | undefined) => new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes)

/** Bits of an SSH mpint: leading zero bytes do not count; a set sign bit makes it negative, and no number of ours. */
function bits(mpint: Uint8Array): number {
  if ((mpint[0] ?? 0) >= 0x80) return 0
  let i = 0
  while (i < mpint.length && mpint[i] === 0) i++
  return i === mpint.length ? 0 : (mpint.length - i) * 8 - Math.clz32(mpint[i] ?? 0) + 24
}

function flaw(type: string, f: Uint8Array[]): string | null {
  if (type === 'ssh-ed25519') return f.length === 2 && f[1]?.length === 32 ? null : 'an ed25519 key holds 32 bytes'
  if (type === 'sk-ssh-ed25519@openssh.com') return f.length === 3 && f[1]?.length === 32 ? null : 'a hardware ed25519 key holds 32 bytes and an application'
  if (type === 'ssh-rsa') {
    const size = f.length === 3 && f[2] ? bits(f[2]) : 0
    return size >= RSA_BITS.min && size <= RSA_BITS.max ? null : `an RSA key needs ${RSA_BITS.min} to ${RSA_BITS.max} bits, this one has ${size}`
  }
  const hardware = type === 'sk-ecdsa-sha2-nistp256@openssh.com'
  const curve = hardware ? 'nistp256' : /^ecdsa-sha2-(nistp(?:256|384|521))$/.exec(type)?.[1]
  if (curve) {
    const plainPoint = f[2]?.length === EC_CURVES[curve] && f[2]?.[0] === 4
    return f.length === (hardware ? 4 : 3) && text(f[1]) === curve && plainPoint ? null : `not a point on ${curve}`
  }
  return `key type ${JSON.stringify(type.slice(0, 40))} is not taken (ed25519, ecdsa, rsa and their hardware forms are)`
}

/**
 * Parses one OpenSSH public key and gives it back as "type base64": options and comments never travel,
 * so nothing but the key itself can reach an authorized_keys file.
 */
export function parsePublicKey(input: string): ParsedKey {
  const no = (message: string): ParsedKey => ({ ok: false, message: `${message}; ${FIX}` })
  const line = input.trim()
  if (/PRIVATE KEY/.test(line)) return no('this is a private key: never send it')
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) return no('a key is one line without control characters')
  const [type = '', body = ''] = line.split(/[ \t]+/)
  if (!/^[a-z0-9@.-]+$/.test(type)) return no('options before the key type are not taken')
  let blob: Uint8Array
  try {
    blob = base64.decode(body)
  } catch {
    return no('the second word is not base64')
  }
  const parts = fields(blob)
  if (!parts || text(parts[0]) !== type) return no('the key body does not match its type')
  const wrong = flaw(type, parts)
  return wrong ? no(wrong) : { ok: true, line: `${type} ${base64.encode(blob)}` }
}

export const sshPublicKey = z
  .string()
  .max(8192)
  .transform((s, ctx) => {
    const key = parsePublicKey(s)
    if (key.ok) return key.line
    ctx.addIssue({ code: 'custom', message: key.message })
    return z.NEVER
  })

/** Fingerprint as `ssh-keygen -lf` prints it. @param line "type base64" */
export function fingerprint(line: string): string {
  return `SHA256:${base64nopad.encode(sha256(base64.decode(line.split(' ')[1] ?? '')))}`
}

/** A known_hosts line that pins this key for host and port. */
export function knownHosts(host: string, port: number, hostKey: string): string {
  return `${port === 22 ? host : `[${host}]:${port}`} ${hostKey}`
}

type Endpoint = { allocation: string; incarnation: number; host: string; port: number; fingerprint: string }

/** What a miner's hotkey signs to vouch for a container's host key. Clients check it against the hotkey they rented from. */
export function hostKeyStatement(e: Endpoint): Uint8Array {
  return new TextEncoder().encode(['compute-host-key/1', e.allocation, e.incarnation, e.host, e.port, e.fingerprint].join('\n'))
}
