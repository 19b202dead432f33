import { blake2AsHex } from '@polkadot/util-crypto'
import type { Runtime } from '../runtime/runtime.ts'
import { concat, fromHex, littleEndian, toHex } from '../scale/bytes.ts'
import type { Root } from '../state/state.ts'
import type { Context, Value } from '../types.ts'
import type { Pooled } from './pool.ts'

export const ZERO_HASH = `0x${'00'.repeat(32)}`
/** "aura" */
const AURA = '0x61757261'
/** A slot of the live chain, ms. */
const SLOT_MS = 12_000

/** As JSON-RPC gives it. */
export type Header = { parentHash: string; number: string; stateRoot: string; extrinsicsRoot: string; digest: { logs: string[] } }

/** A write from outside the extrinsics: part of the next block, and made again when that block is retracted. */
export type Edit = (ctx: Context) => void

export type Block = {
  hash: string
  number: number
  parent: Block | null
  header: Header
  /** All extrinsics as 0x-hex, the inherents first. */
  extrinsics: string[]
  transactions: Pooled[]
  edits: Edit[]
  nowMs: number
  /** The runtime that reads its state: the next block runs under it. */
  runtime: Runtime
  /** Null once discarded. */
  root: Root | undefined
  /** Raw keys that were written in it; forgotten once it is final. */
  touched: Set<string>
  /** Answers of runtime APIs, by method and input. */
  answers: Map<string, string>
}

/** The PreRuntime digest of a block made at this time. */
export function slotDigest(nowMs: number): Value {
  return { PreRuntime: [AURA, toHex(littleEndian(Math.floor(nowMs / SLOT_MS), 8))] }
}

/** Header and its hash. The roots stand for the content without being the tries' roots: nobody here proves anything by them. */
export function makeHeader(
  runtime: Runtime,
  of: { parentHash: string; number: number; extrinsics: string[]; nowMs: number; salt: Uint8Array },
): [Header, string] {
  const { parentHash, number, nowMs, salt } = of
  const stateRoot = blake2AsHex(concat(fromHex(parentHash), littleEndian(nowMs, 8), salt))
  const extrinsicsRoot = blake2AsHex(concat(...of.extrinsics.map(fromHex)))
  const seal: Value = { Seal: [AURA, `${stateRoot}${extrinsicsRoot.slice(2)}`] }
  const logs = number === 0 ? [] : [slotDigest(nowMs), seal]
  const bytes = runtime.codec.encode('Header', {
    parent_hash: parentHash,
    number,
    state_root: stateRoot,
    extrinsics_root: extrinsicsRoot,
    digest: { logs },
  })
  const digest = { logs: logs.map((log) => toHex(runtime.codec.encode('DigestItem', log))) }
  return [{ parentHash, number: `0x${number.toString(16)}`, stateRoot, extrinsicsRoot, digest }, blake2AsHex(bytes)]
}
