import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import * as sr25519 from '@scure/sr25519'
import { decodeHotkey } from './hotkey.ts'
import type { ProblemCode } from './problem.ts'

/**
 * btauth/1, the request signature of Bittensor's current SDK: sr25519 over newline-joined
 * "btauth/1", scheme, METHOD, path with query, sha256 hex of the raw body, nonce (ns), sender, receiver or "-".
 */
export const HEADER = {
  version: 'x-bittensor-version',
  hotkey: 'x-bittensor-hotkey',
  receiver: 'x-bittensor-receiver',
  nonce: 'x-bittensor-nonce',
  crypto: 'x-bittensor-crypto',
  signature: 'x-bittensor-signature',
} as const

export const WINDOW_MS = { back: 10_000, ahead: 2_000 } as const
const SCHEME = 'sr25519'

export type Signable = { method: string; target: string; body: Uint8Array; nonce: string; sender: string; receiver: string }

/** The exact bytes a hotkey signs. `target` is path plus query as sent on the request line. */
export function signingBytes(r: Signable): Uint8Array {
  const lines = ['btauth/1', SCHEME, r.method.toUpperCase(), r.target, bytesToHex(sha256(r.body)), r.nonce, r.sender, r.receiver]
  return new TextEncoder().encode(lines.join('\n'))
}

/** Headers for a request. @param nonce nanoseconds since 1970, unique per hotkey */
export function signRequest(secret: Uint8Array, r: Signable): Record<string, string> {
  return {
    [HEADER.version]: '1',
    [HEADER.hotkey]: r.sender,
    [HEADER.receiver]: r.receiver,
    [HEADER.nonce]: r.nonce,
    [HEADER.signature]: `0x${bytesToHex(sr25519.sign(secret, signingBytes(r)))}`,
  }
}

export type Verified = { ok: true; hotkey: string; nonce: string } | { ok: false; code: ProblemCode; detail: string }

type Incoming = { method: string; target: string; body: Uint8Array; header: (name: string) => string | null }

/**
 * Checks everything about a signed request except replay, which needs memory. Order: shape, receiver, clock, signature.
 * A missing receiver is refused: a request for nobody could be replayed at any edge.
 */
export function verifyRequest(req: Incoming, receiver: string, nowMs: number): Verified {
  const fail = (code: ProblemCode, detail: string): Verified => ({ ok: false, code, detail })
  const sender = req.header(HEADER.hotkey) ?? ''
  const nonce = req.header(HEADER.nonce) ?? ''
  const signature = /^0x([0-9a-f]{128})$/i.exec(req.header(HEADER.signature) ?? '')?.[1]
  const publicKey = decodeHotkey(sender)
  if (req.header(HEADER.version) !== '1') return fail('malformed_signature', `${HEADER.version} must be 1`)
  if ((req.header(HEADER.crypto) ?? SCHEME) !== SCHEME) return fail('malformed_signature', `only ${SCHEME} signatures are taken`)
  if (!publicKey) return fail('malformed_signature', `${HEADER.hotkey} is not an ss58 address`)
  if (!/^[1-9][0-9]{0,19}$/.test(nonce)) return fail('malformed_signature', `${HEADER.nonce} must be nanoseconds since 1970`)
  if (!signature) return fail('malformed_signature', `${HEADER.signature} must be 0x and 128 hex digits`)
  if (req.header(HEADER.receiver) !== receiver) return fail('wrong_receiver', `this edge is ${receiver}`)
  const ageMs = nowMs - Number(BigInt(nonce) / 1_000_000n)
  if (ageMs > WINDOW_MS.back || ageMs < -WINDOW_MS.ahead)
    return fail('stale', `the nonce is ${ageMs} ms old; allowed are ${-WINDOW_MS.ahead} to ${WINDOW_MS.back}`)
  const bytes = signingBytes({ method: req.method, target: req.target, body: req.body, nonce, sender, receiver })
  if (!holds(bytes, signature, publicKey)) return fail('bad_signature', 'the signature does not match method, path, body, nonce and receiver')
  return { ok: true, hotkey: sender, nonce }
}

function holds(message: Uint8Array, signatureHex: string, publicKey: Uint8Array): boolean {
  try {
    return sr25519.verify(message, hexToBytes(signatureHex), publicKey)
  } catch {
    return false // the library throws on points that are not on the curve
  }
}

/** Whether `signature` (0x hex) is by this hotkey over these bytes. Anything malformed is a no. */
export function verifyBytes(hotkey: string, message: Uint8Array, signature: string): boolean {
  const publicKey = decodeHotkey(hotkey)
  return publicKey !== null && /^0x[0-9a-f]{128}$/.test(signature) && holds(message, signature.slice(2), publicKey)
}
