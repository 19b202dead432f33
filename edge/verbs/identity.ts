import { CompactSign } from 'jose'
import { PROTOCOL, PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import { type EdgeIdentity, JWS_TYPE } from '../../schema/sync.ts'
import type { Ctx } from '../ctx.ts'

/** The edge's self-description, signed by its current key, with the next key in it so that agents can follow a rotation. */
export async function identify(ctx: Ctx): Promise<string> {
  const { EDGE_ADDRESS, NETUID, ENVIRONMENT, SIGNING_KEY, NEXT_KEY, signer } = ctx.config
  const { kty, crv, x, kid } = SIGNING_KEY
  const identity: EdgeIdentity = {
    address: EDGE_ADDRESS,
    netuid: NETUID,
    environment: ENVIRONMENT,
    protocol: { newest: PROTOCOL, oldest: PROTOCOL_OLDEST },
    keys: [{ kty, crv, x, kid }, ...(NEXT_KEY ? [NEXT_KEY] : [])],
  }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(identity))).setProtectedHeader({ alg: 'EdDSA', typ: JWS_TYPE.identity, kid }).sign(signer)
}
