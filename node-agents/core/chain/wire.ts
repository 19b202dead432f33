import type { Block } from './types.ts'

/**
 * A decoded value: integers up to 32 bits are numbers, wider ones bigint; an account is its ss58 address (format 42); byte strings and
 * hashes are 0x-hex; a missing Option is null; a struct has camelCase fields; an enum with data is { type, value }, one without a string.
 */
export type Plain = null | boolean | number | bigint | string | Plain[] | { [field: string]: Plain }

/** "Pallet.Item" as the metadata spells it, such as "SubtensorModule.Tempo". */
export type ItemName = string
/** "Api.method" as the metadata spells it, such as "SubnetInfoRuntimeApi.get_selective_metagraph". */
export type MethodName = string

/** A call by its metadata names, such as { name: 'SubtensorModule.set_weights', args: [27, [0], [1], 0n] }. */
export type RuntimeCall = { name: string; args: unknown[] }

/** How far a submitted call came. `finalized: false`: nobody waited for more. */
export type Included = { extrinsic: string; block: Block; finalized: boolean; /** "Pallet.Event" of this extrinsic. */ events: string[] }

/**
 * One live connection, in plain values: what the rest of `core/chain` knows of the SDK. Everything is looked up by name in the live
 * metadata; nothing here knows an index. Rejects with a ChainError.
 */
export interface Link {
  readonly endpoint: string
  readonly genesis: string
  /** Runtime version now; it changes under a runtime upgrade. */
  readonly spec: number
  /** Whether the runtime has it; readers choose their way by it. */
  hasItem(item: ItemName): boolean
  hasMethod(method: MethodName): boolean
  hasCall(name: string): boolean
  /** A value, or its default; null for a missing Option. */
  read(item: ItemName, keys: unknown[], at: string | undefined): Promise<Plain>
  /** Several keys of one or more items in one round trip, in order. */
  readMany(wanted: [item: ItemName, keys: unknown[]][], at: string | undefined): Promise<Plain[]>
  /** All entries under the first keys: the remaining keys, and the value. */
  entries(item: ItemName, keys: unknown[], at: string | undefined): Promise<[keys: Plain[], value: Plain][]>
  call(method: MethodName, args: unknown[], at: string | undefined): Promise<Plain>
  /** A value of the metadata's constants. */
  constant(name: string): Plain
  /** Hash of the best block. */
  best(): Promise<string>
  hashAt(number: number): Promise<string | null>
  blockOf(hash: string): Promise<Block & { parent: string }>
}
