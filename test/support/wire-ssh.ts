/** Packets of SSH before it is encrypted, made by hand. Source: RFC 4253 §6, §7.1. */

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const named = (text: string) => Buffer.concat([u32(text.length), Buffer.from(text)])

/** A packet without encryption. */
export function packet(payload: Uint8Array): Buffer {
  const padding = 16 - ((payload.length + 5) % 8)
  return Buffer.concat([u32(payload.length + padding + 1), Buffer.from([padding]), payload, Buffer.alloc(padding)])
}

/** The ten lists of a KEXINIT, in their order. */
const LISTS = ['kex', 'hostKeys', 'cipherUp', 'cipherDown', 'macUp', 'macDown', 'compressUp', 'compressDown', 'languageUp', 'languageDown'] as const
export type Lists = Record<(typeof LISTS)[number], string[]>

/** Takes whatever an honest client wants. */
export const WILLING: Lists = {
  kex: ['curve25519-sha256'],
  hostKeys: ['ssh-ed25519'],
  cipherUp: ['aes256-gcm@openssh.com'],
  cipherDown: ['aes256-gcm@openssh.com'],
  macUp: ['hmac-sha2-256'],
  macDown: ['hmac-sha2-256'],
  compressUp: ['none'],
  compressDown: ['none'],
  languageUp: [],
  languageDown: [],
}

export function kexInit(lists: Lists): Buffer {
  const names = LISTS.map((name) => named(lists[name].join(',')))
  return packet(Buffer.concat([Buffer.from([20]), Buffer.alloc(16), ...names, Buffer.alloc(5)]))
}

/** What a client offers, of the first bytes it sends: its version, then its KEXINIT. Null: not all of it is there yet. */
export function offerOf(bytes: Buffer): Lists | null {
  const start = bytes.indexOf('\r\n') + 2
  if (start < 2 || bytes.length < start + 4 || bytes.length < start + 4 + bytes.readUInt32BE(start)) return null
  // Length, padding's length, type, cookie.
  let at = start + 4 + 1 + 1 + 16
  const lists = LISTS.map((name) => {
    const length = bytes.readUInt32BE(at)
    const text = bytes.toString('latin1', at + 4, at + 4 + length)
    at += 4 + length
    return [name, text === '' ? [] : text.split(',')]
  })
  return Object.fromEntries(lists) as Lists
}
