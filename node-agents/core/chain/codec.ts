import { createRequire } from 'node:module'
import type * as Sdk from '@polkadot/types'
import type { FunctionMetadataLatest, PalletConstantMetadataLatest, Si1Field, StorageEntryMetadataLatest } from '@polkadot/types/interfaces'
import type { AnyTuple, Codec as Value, IMethod } from '@polkadot/types/types'
import { Decoder, type Described } from './decode.ts'
import { ChainError } from './errors.ts'
import type { Plain } from './wire.ts'

/**
 * The SDK, and the only file that knows it: bytes to plain values and back, by the metadata of one runtime version. Everything is found
 * by its name there. Without the SDK's own connection: after a runtime upgrade that one loses the runtime APIs, prints, and knows no deadlines.
 */

// Required, not imported: hundreds of modules resolved one by one would hold everything else up for a second.
const { expandMetadata, Metadata, TypeRegistry } = createRequire(import.meta.url)('@polkadot/types') as typeof Sdk

export type RuntimeVersion = { specVersion: number; transactionVersion: number }
export type HeaderJson = { number: string; parentHash: string }
/** Who signs: over exactly these bytes, giving 64. */
export type Sign = (payload: Uint8Array) => Uint8Array
/** What a signature is bound to. `birth`: the block from which the era counts. */
export type Signing = {
  publicKey: Uint8Array
  sign: Sign
  nonce: number
  genesis: string
  birth: { number: number; hash: string }
  /** Blocks; a power of two. */ period: number
}
export type Signed = { hex: string; hash: string; /** First block that can no longer hold it. */ death: number }
export type Emitted = { extrinsic: number | null; name: string; /** Its fields by name, or in order. */ data: Plain }

type StorageFn = ((...args: unknown[]) => Uint8Array) & {
  meta: StorageEntryMetadataLatest
  keyPrefix: (...args: unknown[]) => Uint8Array
  prefix: string
}
type CallFn = ((...args: unknown[]) => IMethod<AnyTuple>) & { meta: FunctionMetadataLatest }
type ApiMethod = { inputs: number[]; output: number }

/** Extensions of transactions whose part the SDK fills in. */
const FILLED = new Set(
  'CheckNonZeroSender CheckSpecVersion CheckTxVersion CheckGenesis CheckMortality CheckNonce CheckWeight ChargeTransactionPayment CheckMetadataHash'.split(' '),
)
const SR25519 = 1
/** In front of the keys: twox128 of the pallet and of the item. */
const PREFIX_BYTES = 32
/** What stands in front of a key under the hashers that keep the key itself. */
const HASH_BYTES: Record<string, number> = { Identity: 0, Blake2_128Concat: 16, Twox64Concat: 8 }

/** "SubtensorModule.set_weights" and "subtensorModule.setWeights" are one name. */
const plainName = (name: string): string => name.replaceAll('_', '').toLowerCase()

export class Codec {
  readonly version: RuntimeVersion
  readonly #registry = new TypeRegistry()
  readonly #decoder = new Decoder((type) => describe(this.#registry, type))
  readonly #decorated: ReturnType<typeof expandMetadata>
  readonly #names = new Map<string, unknown>()
  readonly #apis = new Map<string, ApiMethod>()
  readonly #unfilled: string[] = []

  constructor(metadata: `0x${string}`, version: RuntimeVersion) {
    this.version = version
    const parsed = new Metadata(this.#registry, metadata)
    const latest = parsed.asLatest
    const noEffect = { extrinsic: {}, payload: {} }
    // Of the form as it was fetched: in the SDK's newest form what is only signed over gets lost.
    const others = parsed.asV15.extrinsic.signedExtensions.filter(({ identifier }) => !FILLED.has(identifier.toString()))
    this.#registry.setMetadata(parsed, undefined, Object.fromEntries(others.map(({ identifier }) => [identifier.toString(), noEffect])))
    for (const { identifier, type, additionalSigned } of others)
      if (![type, additionalSigned].every((id) => this.#isEmpty(Number(id)))) this.#unfilled.push(identifier.toString())
    this.#decorated = expandMetadata(this.#registry, parsed)
    for (const api of latest.apis)
      for (const { name, inputs, output } of api.methods)
        this.#apis.set(`${api.name.toString()}.${name.toString()}`, { inputs: inputs.map(({ type }) => Number(type)), output: Number(output) })
  }

  hasItem(item: string): boolean {
    return this.#find('query', item) !== undefined
  }

  hasCall(name: string): boolean {
    return this.#find('tx', name) !== undefined
  }

  hasMethod(method: string): boolean {
    return this.#apis.has(method)
  }

  constant(name: string): Plain {
    const constant = this.#find('consts', name) as { meta: PalletConstantMetadataLatest } | undefined
    if (!constant) throw unknown('constant', name)
    return this.#decode(Number(constant.meta.type), constant.meta.value.toU8a(true))
  }

  storageKey(item: string, keys: unknown[]): string {
    // Comes with its length in front.
    return bytesHex(stripLength(this.#item(item)(...keys)))
  }

  /** What all keys of entries under the first keys begin with. */
  storagePrefix(item: string, keys: unknown[]): string {
    return bytesHex(this.#item(item).keyPrefix(...keys))
  }

  /** The keys an entry is stored under, out of its storage key. */
  keysOf(item: string, storageKey: string): Plain[] {
    const { type } = this.#item(item).meta
    if (!type.isMap) return []
    const { hashers, key } = type.asMap
    const types = hashers.length === 1 ? [key] : [...this.#registry.lookup.getSiType(key).def.asTuple]
    const cursor = { bytes: hexBytes(storageKey), at: PREFIX_BYTES }
    return types.map((of, i) => {
      const skip = HASH_BYTES[hashers[i]?.type ?? '']
      if (skip === undefined) throw new ChainError('Undecodable', 'request', `The keys of ${item} are hashed: they cannot be listed`, false)
      cursor.at += skip
      return this.#decoder.read(Number(of), cursor)
    })
  }

  /** A stored value; null: the default of the item, or null where it has none. */
  decodeItem(item: string, stored: string | null): Plain {
    const { meta } = this.#item(item)
    if (stored === null && meta.modifier.isOptional) return null
    const type = Number(meta.type.isPlain ? meta.type.asPlain : meta.type.asMap.value)
    return this.#decode(type, stored === null ? meta.fallback.toU8a(true) : hexBytes(stored))
  }

  encodeArguments(method: string, args: unknown[]): string {
    const { inputs } = this.#method(method)
    if (inputs.length !== args.length) throw new ChainError('BadArguments', 'request', `${method} takes ${inputs.length} arguments, not ${args.length}`, false)
    return bytesHex(Buffer.concat(inputs.map((type, i) => this.#create(type, args[i]).toU8a())))
  }

  decodeAnswer(method: string, answer: string): Plain {
    return this.#decode(this.#method(method).output, hexBytes(answer))
  }

  /** Hash of a block, which its header as JSON does not carry. */
  headerHash(header: HeaderJson): string {
    return this.#registry.createType('Header', header).hash.toHex()
  }

  /** A signed transaction, version 4. */
  sign(name: string, args: unknown[], by: Signing): Signed {
    const make = this.#find('tx', name) as CallFn | undefined
    if (!make) throw unknown('call', name)
    if (this.#unfilled.length > 0)
      throw new ChainError(
        'UnknownExtension',
        'request',
        `This runtime wants transactions to carry ${this.#unfilled.join(', ')}: install a newer version`,
        false,
      )
    const era = this.#registry.createType('ExtrinsicEra', { current: by.birth.number, period: by.period })
    const extrinsic = this.#registry.createType('Extrinsic', make(...args), { version: 4 })
    const pair = { address: '', addressRaw: by.publicKey, sign: (payload: Uint8Array) => Buffer.concat([Buffer.of(SR25519), by.sign(payload)]) }
    const bound = { blockHash: by.birth.hash, genesisHash: by.genesis, nonce: by.nonce, tip: 0, era, runtimeVersion: this.version }
    extrinsic.sign(pair as never, bound as never)
    return { hex: extrinsic.toHex(), hash: extrinsic.hash.toHex(), death: by.birth.number + by.period }
  }

  /** Out of the value of System.Events. */
  events(stored: string | null): Emitted[] {
    const records = this.decodeItem('System.Events', stored) as { phase: Plain; event: { type: string; value: Plain } }[]
    return records.map(({ phase, event }) => {
      const emitted = tagged(event.value)
      const applied = tagged(phase)
      return { extrinsic: applied.type === 'ApplyExtrinsic' ? Number(applied.value) : null, name: `${event.type}.${emitted.type}`, data: emitted.value }
    })
  }

  /** "Pallet.Error" of a dispatch error, and what the metadata says about it. */
  dispatchError(error: Plain): { name: string; docs: string } {
    const { type, value } = tagged(error)
    if (type !== 'Module') return { name: value === null ? type : `${type}.${tagged(value).type}`, docs: '' }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { name: type, docs: '' }
    const index = Number(value['index'])
    const number = typeof value['error'] === 'string' ? hexBytes(value['error'])[0] : Number(value['error'])
    const pallet = this.#registry.metadata.pallets.find((p) => p.index.toNumber() === index)
    try {
      const { name, docs } = this.#registry.findMetaError(Uint8Array.of(index, number ?? 0))
      return { name: `${pallet?.name.toString() ?? index}.${name}`, docs: docs.join(' ').trim() }
    } catch {
      return { name: `${pallet?.name.toString() ?? index}.${number}`, docs: '' }
    }
  }

  #isEmpty(type: number): boolean {
    return this.#registry.createTypeUnsafe(this.#registry.createLookupType(type as never), []).encodedLength === 0
  }

  #create(type: number, value: unknown): Value {
    return this.#registry.createTypeUnsafe(this.#registry.createLookupType(type as never), [value])
  }

  #decode(type: number, bytes: Uint8Array): Plain {
    return this.#decoder.read(type, { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 })
  }

  #item(item: string): StorageFn {
    const found = this.#find('query', item)
    if (!found) throw unknown('storage item', item)
    return found as StorageFn
  }

  #method(method: string): ApiMethod {
    const found = this.#apis.get(method)
    if (!found) throw unknown('runtime API', method)
    return found
  }

  #find(kind: 'query' | 'tx' | 'consts', name: string): unknown {
    const key = `${kind} ${name}`
    if (this.#names.has(key)) return this.#names.get(key)
    const [pallet = '', member = ''] = name.split('.').map(plainName)
    const among = this.#decorated[kind] as Record<string, Record<string, unknown>>
    const section = among[Object.keys(among).find((k) => plainName(k) === pallet) ?? '']
    const found = section?.[Object.keys(section).find((k) => plainName(k) === member) ?? '']
    this.#names.set(key, found)
    return found
  }
}

function unknown(what: string, name: string): ChainError {
  return new ChainError(
    'NotInRuntime',
    'request',
    `This chain's runtime has no ${what} ${name}: it is older or newer than this program, or another chain`,
    false,
  )
}

/** An enum's value, whether it carries something or not. */
function tagged(value: Plain): { type: string; value: Plain } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { type: String(value), value: null }
  return { type: String(value['type']), value: value['value'] ?? null }
}

/** A type of the metadata, free of the SDK. */
function describe(registry: Sdk.TypeRegistry, id: number): Described {
  const { path, def } = registry.lookup.getSiType(id as never)
  const name = path.map(String).join('::')
  const fieldsOf = (fields: Iterable<Si1Field>) => [...fields].map((f) => ({ name: f.name.isSome ? f.name.unwrap().toString() : null, type: Number(f.type) }))
  if (def.isPrimitive) return { kind: 'primitive', name: def.asPrimitive.type }
  if (def.isCompact) return { kind: 'compact', type: Number(def.asCompact.type) }
  if (def.isSequence) return { kind: 'sequence', type: Number(def.asSequence.type) }
  if (def.isArray) return { kind: 'array', type: Number(def.asArray.type), length: def.asArray.len.toNumber() }
  if (def.isTuple) return { kind: 'tuple', types: [...def.asTuple].map(Number) }
  if (def.isComposite) return { kind: 'composite', path: name, fields: fieldsOf(def.asComposite.fields) }
  if (!def.isVariant) return { kind: 'other', name: def.type }
  const variants = [...def.asVariant.variants].map((v) => ({ index: v.index.toNumber(), name: v.name.toString(), fields: fieldsOf(v.fields) }))
  return { kind: 'variant', path: name, variants }
}

const bytesHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const hexBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), 'hex')

/** Without the SCALE length in front. */
function stripLength(bytes: Uint8Array): Uint8Array {
  return bytes.subarray([1, 2, 4, 0][(bytes[0] ?? 0) & 3])
}
