import { randomInt } from 'node:crypto'
import { sign } from '@scure/sr25519'
import { signRequest } from '../../schema/index.ts'
import type { Hotkey } from './hotkey.ts'

/** Signs in the name of one hotkey. The secret never leaves it. */
export interface Signer {
  readonly address: string
  /** "0x" and 128 hex digits over exactly these bytes. */
  sign(bytes: Uint8Array): string
  /** btauth/1 headers. @param nowMs the edge's time, as far as we know it */
  headers(request: { method: string; target: string; body: Uint8Array; receiver: string }, nowMs: number): Record<string, string>
}

export function makeSigner(hotkey: Hotkey): Signer {
  return {
    address: hotkey.address,
    sign: (bytes) => `0x${Buffer.from(sign(hotkey.secret, bytes)).toString('hex')}`,
    headers(request, nowMs) {
      // Random below the millisecond, not a counter: after a corrected clock a counter would stay in the future.
      const nonce = BigInt(Math.trunc(nowMs)) * 1_000_000n + BigInt(randomInt(1_000_000))
      return signRequest(hotkey.secret, { ...request, nonce: String(nonce), sender: hotkey.address })
    },
  }
}
