/** The seam between the development chain's engine (blocks, pool, metadata, JSON-RPC) and its pallets (what calls do). */

/** JSON-like values as the pallets handle them: wide integers are bigint, accounts and hashes are 0x-hex, Option none is null. */
export type Value = null | boolean | number | bigint | string | Value[] | { [field: string]: Value }

/** Typed access to storage by "Pallet.Item"; keys and values in `Value` form, encoded by the declarations. */
export interface Storage {
  get<T extends Value = Value>(item: string, ...keys: Value[]): T
  put(item: string, keys: Value[], value: Value): void
  remove(item: string, keys: Value[]): void
  /** Entries under the first keys, in key order: the remaining keys and the value. */
  entries<T extends Value = Value>(item: string, ...keys: Value[]): [keys: Value[], value: T][]
}

/** A dispatch error by its metadata name, such as "SubtensorModule.SettingWeightsTooFast" or "BadOrigin". What the call did is undone. */
export class DispatchFailure extends Error {
  override readonly name = 'DispatchFailure'
}

/** What a pallet may do inside a block. */
export type Context = {
  storage: Storage
  block: number
  /** The chain's clock, ms since 1970. */
  nowMs: number
  /** Emits "Pallet.Event" with its fields in order. */
  emit(event: string, ...fields: Value[]): void
}

export type CallContext = Context & {
  /** 0x public key of who signed. */
  who: string
}

/** One pallet as code. Names are the metadata's. */
export type Pallet = {
  name: string
  /** By call name; arguments by name. Throws DispatchFailure. */
  calls: Record<string, (ctx: CallContext, args: Record<string, Value>) => void>
  /**
   * The transaction extension's look before a call enters the pool, and again at dispatch: the number of "Custom error: N", or null.
   */
  validate?: (ctx: CallContext, call: string, args: Record<string, Value>) => number | null
  /** Before the extrinsics of a block, in the order of the pallets. */
  onInitialize?: (ctx: Context) => void
  /** Runtime APIs: "Api.method" → answer in `Value` form, encoded by the declared output. Reads only. */
  apis?: Record<string, (ctx: Context, ...args: Value[]) => Value>
}

/** A pallet as declared; the lists are text in the grammar of scale/text.ts. */
export type PalletText = {
  index: number
  /** Rust crate, such as "pallet_subtensor": first part of the paths of its types. */
  path: string
  storage?: string
  calls?: string
  events?: string
  errors?: string
  constants?: string
  /** Names of the calls that are Pays::No, separated by spaces; "*" for all. */
  free?: string
}

/** What one folder adds to the development chain. */
export type Part = {
  /** In the grammar of scale/text.ts. */
  types: string
  /** By metadata name. The order over all parts is that of the indices. */
  pallets: Record<string, PalletText>
  /** By name of the runtime API. */
  apis: Record<string, { version: number; methods: string }>
  code: Pallet[]
  /** Fills the state of block 0. */
  genesis: (ctx: Context) => void
  /**
   * Controls for tests, each served as JSON-RPC "dev_<name>" with one object of parameters (JSON: wide integers as decimal text).
   * What one writes is part of the next block. Throws a Mistake for parameters that make no sense.
   */
  dev: Record<string, (ctx: Context, params: Record<string, Value>) => Value>
}
