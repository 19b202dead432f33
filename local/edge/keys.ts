import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { randomBytes } from 'node:crypto'
import { encodeHotkey } from '../../schema/index.ts'
import type { EdgeVars } from './start.ts'

export type EdgeKeys = { vars: EdgeVars; fingerprint: string }

/** Fresh secrets of an edge, and the fingerprint that miners pin. */
export async function makeKeys(): Promise<EdgeKeys> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(privateKey)
  const fingerprint = await calculateJwkThumbprint(jwk)
  return {
    fingerprint,
    vars: {
      SIGNING_KEY: JSON.stringify({ ...jwk, kid: fingerprint.slice(0, 12) }),
      // Nobody signs as the edge's address: it only says who a request is meant for.
      EDGE_ADDRESS: encodeHotkey(randomBytes(32)),
      ADMIN_KEY: randomBytes(32).toString('base64url'),
    },
  }
}
