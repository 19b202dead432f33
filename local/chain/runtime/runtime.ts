import { toHex } from '../scale/bytes.ts'
import { Codec } from '../scale/codec.ts'
import {
  type Field,
  type Hasher,
  type ItemText,
  lines,
  type MethodText,
  parseConstant,
  parseItem,
  parseMethod,
  parseVariant,
  type Variant,
} from '../scale/text.ts'
import { Types } from '../scale/types.ts'
import type { PalletText, Part, Value } from '../types.ts'
import { EXTENSIONS, FRAME_APIS, FRAME_PALLETS, FRAME_TYPES } from './frame.ts'
import { itemPrefix, keyPart } from './keys.ts'
import { metadata } from './metadata.ts'
import { runtimeVersion, type RuntimeVersion } from './version.ts'

/** A storage item with what reading it needs. */
export type Item = ItemText & { pallet: string; prefix: string; default: Value }
export type Call = { pallet: string; name: string; args: Field[]; free: boolean }

/** Characters of "0x" and two 16-byte hashes. */
const PREFIX = 66
const MOST_KEY_PARTS = 50_000

/** One version of a runtime, all of it worked out from declarations: types, metadata, storage keys, calls, events, errors, APIs. */
export class Runtime {
  readonly types = new Types()
  readonly codec = new Codec(this.types)
  readonly pallets: Record<string, PalletText>
  readonly apis: Record<string, { version: number; methods: string }>
  /** By "Pallet.Item". */
  readonly items = new Map<string, Item>()
  readonly version: RuntimeVersion
  readonly #calls = new Map<string, Call>()
  readonly #callIndices = new Map<string, [number, number]>()
  readonly #events = new Map<string, { pallet: number; variant: Variant }>()
  readonly #errors = new Map<string, [pallet: number, error: number]>()
  readonly #byPrefix = new Map<string, Item>()
  /** Those needed lately: the same accounts are looked up over and over. */
  readonly #keyParts = new Map<string, string>()
  readonly #methods = new Map<string, MethodText>()
  readonly #metadata = new Map<number, Uint8Array>()

  /** `specVersion` as the live one has it; `shift` moves the indices of pallets and of what they hold, as an upgrade may. */
  constructor(parts: Part[], specVersion: number, shift = 0) {
    const pallets = Object.assign({}, FRAME_PALLETS, ...parts.map((part) => part.pallets)) as Record<string, PalletText>
    this.pallets = Object.fromEntries(
      Object.entries(pallets)
        .toSorted(([, a], [, b]) => a.index - b.index)
        .map(([name, pallet]) => [name, moved(pallet, shift)]),
    )
    this.apis = Object.assign({}, FRAME_APIS, ...parts.map((part) => part.apis)) as typeof FRAME_APIS
    this.version = runtimeVersion(specVersion, this.apis)
    for (const text of [FRAME_TYPES, ...parts.map((part) => part.types)]) this.types.declare(text)
    for (const [name, pallet] of Object.entries(this.pallets)) this.#declarePallet(name, pallet, shift)
    this.#declareFrame()
    for (const [api, { methods }] of Object.entries(this.apis)) for (const m of lines(methods).map(parseMethod)) this.#methods.set(`${api}_${m.name}`, m)
    for (const [name, pallet] of Object.entries(this.pallets)) this.#declareItems(name, pallet)
  }

  /** Bytes with magic and version. */
  metadata(version: 14 | 15): Uint8Array {
    const bytes = this.#metadata.get(version) ?? metadata(this, version)
    this.#metadata.set(version, bytes)
    return bytes
  }

  item(name: string): Item {
    const item = this.items.get(name)
    if (!item) throw new Error(`no storage item ${name}`)
    return item
  }

  /** The item a raw key belongs to. */
  itemOf(key: string): Item | null {
    return this.#byPrefix.get(key.slice(0, PREFIX)) ?? null
  }

  /** The raw key of an entry as 0x-hex; with fewer keys than the item has, a prefix of its entries. */
  key(item: Item, keys: Value[]): string {
    if (keys.length > item.keys.length) throw new Error(`${item.pallet}.${item.name} has ${item.keys.length} keys, not ${keys.length}`)
    return item.prefix + keys.map((key, i) => this.#keyPart(item.hashers[i] ?? 'Identity', item.keys[i] ?? '', key)).join('')
  }

  #keyPart(hasher: Hasher, type: string, key: Value): string {
    const name = `${hasher} ${type} ${String(key)}`
    const known = this.#keyParts.get(name)
    if (known !== undefined) return known
    const part = keyPart(hasher, this.codec.encode(type, key))
    if (typeof key === 'object') return part
    if (this.#keyParts.size >= MOST_KEY_PARTS) this.#keyParts.clear()
    this.#keyParts.set(name, part)
    return part
  }

  fallbackHex(item: Item): string {
    return toHex(this.codec.encode(item.value, item.default))
  }

  constantHex(text: string): string {
    const { type, value } = parseConstant(text)
    return toHex(this.codec.encode(type, type === 'RuntimeVersion' ? this.version.value : (value as Value)))
  }

  call(pallet: number, index: number): Call | undefined {
    return this.#calls.get(`${pallet}.${index}`)
  }

  /** Where "Pallet.call" stands, for extrinsics the chain writes itself. */
  callIndex(name: string): [pallet: number, call: number] {
    const indices = this.#callIndices.get(name)
    if (!indices) throw new Error(`no call ${name}`)
    return indices
  }

  event(name: string): { pallet: number; variant: Variant } {
    const event = this.#events.get(name)
    if (!event) throw new Error(`no event ${name}`)
    return event
  }

  /** "SubtensorModule.InvalidPort" or "BadOrigin" → a value of DispatchError. */
  dispatchError(name: string): Value {
    const [index, error] = this.#errors.get(name) ?? []
    if (index !== undefined && error !== undefined) return { Module: { index, error: toHex(new Uint8Array([error, 0, 0, 0])) } }
    const [kind = '', detail] = name.split('.')
    if (name.includes('.') && !['Token', 'Arithmetic', 'Transactional'].includes(kind)) throw new Error(`no error ${name}`)
    return detail === undefined ? kind : { [kind]: detail }
  }

  /** By its name on the wire, such as "Metadata_metadata_versions". */
  method(name: string): MethodText | undefined {
    return this.#methods.get(name)
  }

  #declarePallet(name: string, pallet: PalletText, shift: number): void {
    const part = (kind: string, text = '') => {
      const variants = lines(text)
        .map(parseVariant)
        .map((v) => ({ ...v, index: (v.index + shift) % 256 }))
      if (variants.length > 0) this.types.addEnum(`${name}::${kind}`, `${pallet.path}::pallet::${kind}`, variants)
      return variants
    }
    const free = (pallet.free ?? '').split(' ')
    for (const { name: call, index, fields } of part('Call', pallet.calls)) {
      this.#calls.set(`${pallet.index}.${index}`, { pallet: name, name: call, args: fields, free: free.includes('*') || free.includes(call) })
      this.#callIndices.set(`${name}.${call}`, [pallet.index, index])
    }
    for (const variant of part('Event', pallet.events)) this.#events.set(`${name}.${variant.name}`, { pallet: pallet.index, variant })
    for (const { name: error, index } of part('Error', pallet.errors)) this.#errors.set(`${name}.${error}`, [pallet.index, index])
  }

  #declareItems(pallet: string, { storage = '' }: PalletText): void {
    for (const text of lines(storage).map(parseItem)) {
      // By way of bytes, so that what a default leaves out is there.
      const zero = text.optional ? null : this.codec.decode(text.value, this.codec.encode(text.value, text.fallback as Value))
      const item = { ...text, pallet, prefix: itemPrefix(pallet, text.name), default: zero }
      this.items.set(`${pallet}.${text.name}`, item)
      this.#byPrefix.set(item.prefix, item)
    }
  }

  /** The enums over all pallets, and what stands in an extrinsic. */
  #declareFrame(): void {
    for (const [kind, has] of [
      ['Call', 'calls'],
      ['Event', 'events'],
      ['Error', 'errors'],
    ] as const) {
      const having = Object.entries(this.pallets).filter(([, pallet]) => pallet[has] !== undefined)
      const variants = having.map(([name, { index }]) => ({ name, index, fields: [{ name: null, type: `${name}::${kind}` }] }))
      this.types.addEnum(`Runtime${kind}`, `node_subtensor_runtime::Runtime${kind}`, variants)
    }
    const mortal = Array.from({ length: 255 }, (_, i) => ({ name: `Mortal${i + 1}`, index: i + 1, fields: [{ name: null, type: 'u8' }] }))
    this.types.addEnum('Era', 'sp_runtime::generic::era::Era', [{ name: 'Immortal', index: 0, fields: [] }, ...mortal])
    for (const { name, path, holds } of EXTENSIONS) this.types.declare(`extension::${name} = ${path} ${holds}`)
    this.types.declare(`Extra = (${EXTENSIONS.map(({ name }) => `extension::${name}`).join(',')})`)
  }
}

function moved(pallet: PalletText, shift: number): PalletText {
  // System stays where it is: clients know the index of ExtrinsicSuccess by metadata too, but the frame never moves it.
  return { ...pallet, index: pallet.index === 0 ? 0 : pallet.index + shift }
}
