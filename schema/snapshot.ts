import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import * as z from 'zod'
import { hotkey } from './hotkey.ts'

/** Snapshots are of finalized blocks at multiples of this only, so that honest validators send the same bytes. */
export const SNAPSHOT_EVERY = 25

/** A hotkey with a validator permit and at least so much total stake (rao) is a validator, every other one a miner. The original's 1024. */
export const VALIDATOR_STAKE_RAO = 1024n * 10n ** 9n

/** A snapshot older than this changes nothing; while the last one is, no new miner is taken. */
export const SNAPSHOT_STALE_MS = 6 * 3600_000

/**
 * Holds a snapshot that would change more than this share, and more than so many, of the agents (DESIGN §6); on a small subnet also one
 * without at least so many, and so large a share, of those who were there.
 */
export const ROLE_BRAKE = { share: 0.1, moreThan: 3, gone: { share: 0.5, atLeast: 2 } } as const

/** More than any subnet has; bounds what is parsed. */
const MAX_UIDS = 4096

const blockHash = z.string().regex(/^0x[0-9a-f]{64}$/, '0x and 64 lower-case hex digits')
/** u64 rao as text: JSON numbers end at 2^53. */
const rao = z.string().regex(/^(0|[1-9][0-9]{0,19})$/, 'rao, a whole number as text')

export const snapshotNeuron = z.object({
  uid: z.number().int().min(0).max(65_535),
  hotkey,
  coldkey: hotkey,
  validator_permit: z.boolean(),
  total_stake: rao,
})
export type SnapshotNeuron = z.infer<typeof snapshotNeuron>

/** Who is registered on the subnet at one finalized block. Holds nothing but what the chain says, in one order. */
export const snapshot = z
  .object({
    netuid: z.number().int().min(0).max(65_535),
    genesis: blockHash,
    block: z.number().int().min(0),
    block_hash: blockHash,
    /** Timestamp of that block. */
    timestamp_ms: z.number().int().min(0),
    owner_hotkey: hotkey.nullable(),
    /** Ascending by uid, without a gap. */
    neurons: z.array(snapshotNeuron).max(MAX_UIDS),
  })
  .superRefine(({ block, neurons }, ctx) => {
    if (block % SNAPSHOT_EVERY !== 0) ctx.addIssue({ code: 'custom', path: ['block'], message: `a multiple of ${SNAPSHOT_EVERY}` })
    const gap = neurons.findIndex((n, i) => n.uid !== i)
    if (gap >= 0) ctx.addIssue({ code: 'custom', path: ['neurons', gap, 'uid'], message: 'uids ascend from 0 without a gap' })
    if (new Set(neurons.map((n) => n.hotkey)).size !== neurons.length) ctx.addIssue({ code: 'custom', path: ['neurons'], message: 'a hotkey stands twice' })
  })
  .meta({ id: 'Snapshot' })
export type Snapshot = z.infer<typeof snapshot>

/** What honest validators agree on: SHA-256 over all fields in the order of the type, whatever order they came in. Lower-case hex. */
export function snapshotDigest(s: Snapshot): string {
  const rows = s.neurons.map((n) => [n.uid, n.hotkey, n.coldkey, n.validator_permit, n.total_stake])
  const text = JSON.stringify([s.netuid, s.genesis, s.block, s.block_hash, s.timestamp_ms, s.owner_hotkey, rows])
  return bytesToHex(sha256(utf8ToBytes(text)))
}

/**
 * What became of a snapshot that was sent. `counted`: fewer than half agree so far. `applied`: the majority agreed and roles follow it.
 * `held`: the majority agreed, but it changes too much; a person accepts or ignores it.
 * The rest change nothing: `older` than one agreed on; `stale`; another `subnet` or chain; a validator that `changed` what it said of this block.
 */
export const SNAPSHOT_OUTCOMES = ['counted', 'applied', 'held', 'older', 'stale', 'subnet', 'changed'] as const
export type SnapshotOutcome = (typeof SNAPSHOT_OUTCOMES)[number]

/** Where an agreed or growing snapshot stands. `ignored`, by a person, and `superseded`, by a later one, are final. */
export const SNAPSHOT_STATES = ['collecting', 'applied', 'held', 'ignored', 'superseded'] as const

export const snapshotTaken = z
  .object({
    outcome: z.enum(SNAPSHOT_OUTCOMES),
    digest: z.string(),
    votes: z.number().int(),
    needed: z.number().int(),
    /** Block of the snapshot that roles follow now; null: none yet. */
    applied_block: z.number().int().nullable(),
  })
  .meta({ id: 'SnapshotTaken' })
export type SnapshotTaken = z.infer<typeof snapshotTaken>
