import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK } from 'jose'
import * as z from 'zod'
import { edgeIdentity, hotkey, JWS_TYPE } from '../../schema/index.ts'

export const edgeKey = edgeIdentity.shape.keys.element
export type EdgeKey = z.infer<typeof edgeKey>

/** The edge this agent belongs to, as kept on disk. */
export const knownEdge = z.object({
  address: hotkey,
  /** Fingerprint of the registration string these keys were first trusted by. */
  pin: z.string(),
  keys: z.array(edgeKey).min(1).max(2),
})
export type KnownEdge = z.infer<typeof knownEdge>

/** Somebody at the edge's address cannot prove to be the edge. Nothing it says is believed. */
export class NotTheEdge extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'NotTheEdge'
  }
}

/** An edge that proved itself, and is another than the one this state directory belongs to. */
export class OtherEdge extends NotTheEdge {
  constructor(known: string, shown: string) {
    super(`this state directory belongs to the edge ${known}, but --edge leads to ${shown}: give each edge its own --state`)
    this.name = 'OtherEdge'
  }
}

/**
 * The payload of a JWS that one of these keys signed. Only EdDSA, only the given type.
 * @throws `unknownKey()` when its key id is not among the keys; jose's errors for everything else
 */
export async function openJws(jws: string, type: string, keys: EdgeKey[], unknownKey: () => Error): Promise<unknown> {
  const { kid, typ } = decodeProtectedHeader(jws)
  if (typ !== type) throw new TypeError(`a JWS of type ${JSON.stringify(typ)} where ${type} belongs`)
  const key = keys.find((k) => k.kid === kid)
  if (!key) throw unknownKey()
  const { payload } = await compactVerify(jws, await importJWK(key, 'EdDSA'), { algorithms: ['EdDSA'] })
  return JSON.parse(new TextDecoder().decode(payload)) as unknown
}

/** Reads the claims without believing them: the pin says which of the keys in them may have signed. */
function unverified(jws: string) {
  const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')
  return edgeIdentity.parse(JSON.parse(payload))
}

async function pinned(keys: EdgeKey[], pin: string): Promise<EdgeKey[]> {
  const prints = await Promise.all(keys.map(({ kty, crv, x }) => calculateJwkThumbprint({ kty, crv, x })))
  return keys.filter((_, i) => prints[i] === pin)
}

/**
 * Believes an edge's self-description, or throws `NotTheEdge` (`OtherEdge` when it proved to be one we do not belong to). The first time the pin decides; later any key kept from
 * before does, so the edge can rotate. A new registration string (another pin) begins anew.
 */
export async function acceptIdentity(jws: string, pin: string, known: KnownEdge | null): Promise<KnownEdge> {
  const refuse = (cause?: unknown) =>
    new NotTheEdge('the edge does not show the key of the registration string: check --edge, or ask the operator for a new registration string', cause)
  let claims: z.infer<typeof edgeIdentity>
  try {
    const trusted = known?.pin === pin ? known.keys : await pinned(unverified(jws).keys, pin)
    claims = edgeIdentity.parse(await openJws(jws, JWS_TYPE.identity, trusted, () => refuse()))
  } catch (error) {
    throw error instanceof NotTheEdge ? error : refuse(error)
  }
  if (known && known.address !== claims.address) throw new OtherEdge(known.address, claims.address)
  return { address: claims.address, pin, keys: claims.keys }
}
