import { Codec } from '../scale/codec.ts'
import { compact, concat } from '../scale/bytes.ts'
import { lines, parseConstant, parseMethod } from '../scale/text.ts'
import { Types } from '../scale/types.ts'
import type { Value } from '../types.ts'
import { EXTENSIONS } from './frame.ts'
import { LAYOUT } from './layout.ts'
import { PortableTypes } from './portable.ts'
import type { Item, Runtime } from './runtime.ts'

/** Those that are given. */
export const metadataVersions = [14, 15] as const

/** "meta" */
const MAGIC = new Uint8Array([0x6d, 0x65, 0x74, 0x61])

const layout = new Types()
layout.declare(LAYOUT)
const CODEC = new Codec(layout)

/** The metadata of a runtime, as its bytes start with magic and version. 14 lacks the runtime APIs. */
export function metadata(runtime: Runtime, version: 14 | 15): Uint8Array {
  const types = new PortableTypes(runtime.types)
  // Clients learn the types of address, call and signature as its parameters; 15 says them itself, but they look here too.
  const extrinsic = types.id('UncheckedExtrinsic')
  const body = version === 14 ? version14(runtime, types, extrinsic) : version15(runtime, types)
  // Last, when every type has been named.
  const value = { ...body, types: types.table }
  return concat(MAGIC, new Uint8Array([version]), CODEC.encode(`Metadata${version}`, value))
}

/** What `Metadata_metadata…` answers: the bytes as OpaqueMetadata. */
export function opaque(bytes: Uint8Array): Uint8Array {
  return concat(compact(bytes.length), bytes)
}

function version14(runtime: Runtime, types: PortableTypes, extrinsic: number): Record<string, Value> {
  return { pallets: pallets(runtime, types), extrinsic: { type: extrinsic, version: 4, extensions: extensions(types) }, runtime: types.id('Runtime') }
}

function version15(runtime: Runtime, types: PortableTypes): Record<string, Value> {
  return {
    pallets: pallets(runtime, types),
    extrinsic: {
      version: 4,
      address: types.id('Address'),
      call: types.id('RuntimeCall'),
      signature: types.id('Signature'),
      extra: types.id('Extra'),
      extensions: extensions(types),
    },
    runtime: types.id('Runtime'),
    apis: Object.entries(runtime.apis).map(([name, api]) => ({ name, methods: lines(api.methods).map((text) => method(text, types)) })),
    outer_enums: { call: types.id('RuntimeCall'), event: types.id('RuntimeEvent'), error: types.id('RuntimeError') },
  }
}

function extensions(types: PortableTypes): Value[] {
  return EXTENSIONS.map(({ name, implicit }) => ({ identifier: name, type: types.id(`extension::${name}`), implicit: types.id(implicit) }))
}

function method(text: string, types: PortableTypes): Value {
  const { name, inputs, output } = parseMethod(text)
  return { name, inputs: inputs.map((input) => ({ name: input.name ?? '', type: types.id(input.type) })), output: types.id(output) }
}

function pallets(runtime: Runtime, types: PortableTypes): Value[] {
  return Object.entries(runtime.pallets).map(([name, pallet]) => {
    const items = [...runtime.items.values()].filter((item) => item.pallet === name)
    const part = (kind: string, text = '') => (lines(text).length > 0 ? types.id(`${name}::${kind}`) : null)
    return {
      name,
      index: pallet.index,
      storage: items.length > 0 ? { prefix: name, entries: items.map((item) => entry(runtime, item, types)) } : null,
      calls: part('Call', pallet.calls),
      events: part('Event', pallet.events),
      errors: part('Error', pallet.errors),
      constants: lines(pallet.constants ?? '').map((text) => constant(runtime, text, types)),
    }
  })
}

function entry(runtime: Runtime, item: Item, types: PortableTypes): Value {
  const value = types.id(item.value)
  const [first, ...more] = item.keys
  const key = first === undefined ? null : types.id(more.length === 0 ? first : `(${item.keys.join(',')})`)
  return {
    name: item.name,
    modifier: item.optional ? 'Optional' : 'Default',
    type: key === null ? { Plain: value } : { Map: { hashers: item.hashers, key, value } },
    fallback: item.optional ? '0x00' : runtime.fallbackHex(item),
  }
}

function constant(runtime: Runtime, text: string, types: PortableTypes): Value {
  const { name, type } = parseConstant(text)
  return { name, type: types.id(type), value: runtime.constantHex(text) }
}
