import * as z from 'zod'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const BODY = '[0-9a-hjkmnp-tv-z]{26}'

/**
 * A sortable id: prefix, 48 bits of time and 80 of randomness in Crockford base 32 (the layout of a ULID, lower case).
 * @param random at least 10 bytes from a cryptographic source
 */
export function makeId(prefix: string, nowMs: number, random: Uint8Array): string {
  if (random.length < 10) throw new RangeError(`an id needs 10 random bytes, not ${random.length}`)
  let bits = BigInt(nowMs)
  for (const byte of random.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte)
  let out = ''
  for (let i = 0; i < 26; i++, bits >>= 5n) out = ALPHABET[Number(bits & 31n)] + out
  return `${prefix}_${out}`
}

export const allocationId = z.string().regex(new RegExp(`^al_${BODY}$`), 'an allocation id, such as al_01k…')
export const installId = z.string().regex(new RegExp(`^in_${BODY}$`), 'an install id, such as in_01k…')
export const bootId = z.string().regex(new RegExp(`^bo_${BODY}$`), 'a boot id, such as bo_01k…')
export const keyId = z.string().regex(new RegExp(`^ck_${BODY}$`), 'a key id, such as ck_01k…')

/** W3C trace id: 32 hex digits, not all zero. One goes from POST through wish, label, report and event. */
export const traceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/, '32 lower-case hex digits')
