import { blake2b } from '@noble/hashes/blake2.js'
import { decodeHotkey } from '../../../schema/index.ts'
import { bytes, u16, u16s, u64 } from './scale.ts'
import type { WeightsCall } from './types.ts'
import { netuidIndex } from './weights.ts'

/**
 * The hash by which weights are committed now and revealed later.
 * blake2-256 of SCALE (AccountId32, u16 netuid index, Vec<u16> uids, values, salt, u64 version key): the runtime's `get_commit_hash`.
 * @param hotkey ss58 of who commits
 * @returns 0x-hex
 */
export function commitHash(hotkey: string, { netuid, mechanism, uids, values, versionKey }: WeightsCall, salt: readonly number[]): string {
  const parts = [publicKey(hotkey), u16(netuidIndex(netuid, mechanism)), u16s(uids), u16s(values), u16s(salt), u64(versionKey)]
  return `0x${Buffer.from(blake2b(Buffer.concat(parts), { dkLen: 32 })).toString('hex')}`
}

/** What a timelocked commit encrypts: the runtime's `WeightsTlockPayload`, SCALE. The hotkey in it must be the one that signs. */
export function weightsPayload(hotkey: string, uids: readonly number[], values: readonly number[], versionKey: bigint): Uint8Array {
  return Buffer.concat([bytes(publicKey(hotkey)), u16s(uids), u16s(values), u64(versionKey)])
}

function publicKey(address: string): Uint8Array {
  const key = decodeHotkey(address)
  if (!key) throw new RangeError(`"${address}" is no ss58 address`)
  return key
}
