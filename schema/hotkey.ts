import { base58 } from '@scure/base'
import { blake2b } from '@noble/hashes/blake2.js'
import * as z from 'zod'

/** Substrate's generic address format, which Bittensor uses for every key. */
const SS58_FORMAT = 42
const CONTEXT = new TextEncoder().encode('SS58PRE')

function checksum(payload: Uint8Array): Uint8Array {
  const input = new Uint8Array(CONTEXT.length + payload.length)
  input.set(CONTEXT)
  input.set(payload, CONTEXT.length)
  return blake2b(input, { dkLen: 64 }).subarray(0, 2)
}

/** The ss58 address of a 32-byte public key. */
export function encodeHotkey(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) throw new RangeError(`a public key has 32 bytes, not ${publicKey.length}`)
  const bytes = new Uint8Array(35)
  bytes[0] = SS58_FORMAT
  bytes.set(publicKey, 1)
  bytes.set(checksum(bytes.subarray(0, 33)), 33)
  return base58.encode(bytes)
}

/** The 32-byte public key of an ss58 address of format 42, or null when it is not one. */
export function decodeHotkey(address: string): Uint8Array | null {
  if (address.length > 60) return null
  let bytes: Uint8Array
  try {
    bytes = base58.decode(address)
  } catch {
    return null
  }
  if (bytes.length !== 35 || bytes[0] !== SS58_FORMAT) return null
  const sum = checksum(bytes.subarray(0, 33))
  if (sum[0] !== bytes[33] || sum[1] !== bytes[34]) return null
  return bytes.slice(1, 33)
}

export const hotkey = z
  .string()
  .max(60)
  .refine((s) => decodeHotkey(s) !== null, 'not an ss58 address of format 42 (they begin with 5)')
