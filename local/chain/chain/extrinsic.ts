import { blake2AsHex, blake2AsU8a, ed25519Verify, sr25519Verify } from '@polkadot/util-crypto'
import { type Era, mortal } from '../runtime/era.ts'
import type { Call, Runtime } from '../runtime/runtime.ts'
import { compact, concat, fromHex, littleEndian, Reader, toHex } from '../scale/bytes.ts'
import type { Value } from '../types.ts'
import { RpcError } from './errors.ts'

const SIGNED_V4 = 0x84
const BARE_V4 = 0x04
/** A payload longer than this is signed by its hash. */
const LONGEST_PAYLOAD = 256

/** A signed extrinsic taken apart by hand: with the client's own codec its mistakes would go unseen. */
export type Extrinsic = {
  hex: string
  hash: string
  /** 0x public key. */
  signer: string
  verifies: (message: Uint8Array) => boolean
  /** By the block it would stand in. */
  era: (current: number) => Era
  nonce: number
  /** Rao. */
  tip: bigint
  /** What stands in it between signature and call: signed over again after the call. */
  extra: Uint8Array
  call: Uint8Array
}

/** Throws an RpcError for bytes that are no extrinsic, as the pool of a node would. */
export function parseExtrinsic(hex: string): Extrinsic {
  try {
    return parse(hex, fromHex(hex))
  } catch (error) {
    if (error instanceof RpcError) throw error
    throw RpcError.undecodable(error)
  }
}

function parse(hex: string, whole: Uint8Array): Extrinsic {
  const reader = new Reader(whole)
  const length = reader.length()
  if (length !== reader.left) throw new Error(`${length} bytes announced, ${reader.left} there`)
  const version = reader.byte()
  if (version === BARE_V4) throw RpcError.invalid('Transaction call is not expected')
  if (version !== SIGNED_V4) throw new Error(`version byte ${version}`)
  if (reader.byte() !== 0) throw RpcError.unknown('Could not lookup information required to validate the transaction')
  const signer = reader.take(32)
  const verifies = verifier(reader, signer)
  const from = reader.at
  const era = readEra(reader)
  const nonce = Number(reader.compact())
  const tip = reader.compact()
  // CheckMetadataHash: the hash of the metadata is only known to runtimes built with it.
  if (reader.byte() !== 0) throw RpcError.unknown('Could not lookup information required to validate the transaction')
  const extra = whole.slice(from, reader.at)
  return { hex, hash: blake2AsHex(whole), signer: toHex(signer), verifies, era, nonce, tip, extra, call: reader.rest().slice() }
}

function verifier(reader: Reader, signer: Uint8Array): Extrinsic['verifies'] {
  const kind = reader.byte()
  if (kind > 2) throw new Error(`signature of kind ${kind}`)
  if (kind === 2) throw RpcError.badSignature() // an ecdsa signer would be the hash of its key: nobody here has one
  const signature = reader.take(64).slice()
  const verify = kind === 1 ? sr25519Verify : ed25519Verify
  const key = signer.slice()
  return (message) => {
    try {
      return verify(message, signature, key)
    } catch {
      return false // a key that is no point on the curve has signed nothing
    }
  }
}

function readEra(reader: Reader): Extrinsic['era'] {
  const low = reader.byte()
  if (low === 0) return () => 'immortal'
  const high = reader.byte()
  mortal(low, high, 0) // throws for what is none
  return (current) => mortal(low, high, current)
}

/** The bytes a signature is over, in the order of the extensions. `birthHash` is the genesis for immortal ones. */
export function signedPayload(extrinsic: Extrinsic, runtime: Runtime, genesis: string, birthHash: string): Uint8Array {
  const { specVersion, transactionVersion } = runtime.version
  const implicit = concat(littleEndian(specVersion, 4), littleEndian(transactionVersion, 4), fromHex(genesis), fromHex(birthHash), new Uint8Array([0]))
  const payload = concat(extrinsic.call, extrinsic.extra, implicit)
  return payload.length > LONGEST_PAYLOAD ? blake2AsU8a(payload) : payload
}

/** An extrinsic nobody signs: what the author of a block puts in. `name` is "Pallet.call". */
export function inherent(runtime: Runtime, name: string, args: Uint8Array): string {
  const body = concat(new Uint8Array([BARE_V4, ...runtime.callIndex(name)]), args)
  return toHex(concat(compact(body.length), body))
}

export type DecodedCall = Call & { values: Record<string, Value> }

/** Throws for bytes that are no call of this runtime. */
export function decodeCall(runtime: Runtime, bytes: Uint8Array): DecodedCall {
  const reader = new Reader(bytes)
  const [pallet, index] = [reader.byte(), reader.byte()]
  const call = runtime.call(pallet, index)
  if (!call) throw new Error(`no call ${pallet}.${index}`)
  const values = Object.fromEntries(call.args.map(({ name, type }) => [name ?? '', runtime.codec.read(type, reader)]))
  if (reader.left > 0) throw new Error(`${reader.left} bytes after the call`)
  return { ...call, values }
}
