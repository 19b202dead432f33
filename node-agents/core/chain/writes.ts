import type { Hotkey } from '../hotkey.ts'
import { commitHash, weightsPayload } from './commit.ts'
import type { Beacon } from './drand.ts'
import { revealRound } from './epochs.ts'
import { encrypt } from './timelock.ts'
import type { EpochState, WeightsCall } from './types.ts'
import type { Link, RuntimeCall } from './wire.ts'

/** The format of timelocked commits which this program makes; the chain refuses one it does not speak. */
const COMMIT_REVEAL_VERSION = 4

/** The call by its names with and without a mechanism. Runtimes before mechanisms lack the first. */
function withMechanism(link: Link, [many, one]: [string, string], netuid: number, mechanism: number, rest: unknown[]): RuntimeCall {
  const plain = mechanism === 0 && !link.hasCall(`SubtensorModule.${many}`)
  return plain ? { name: `SubtensorModule.${one}`, args: [netuid, ...rest] } : { name: `SubtensorModule.${many}`, args: [netuid, mechanism, ...rest] }
}

export function setWeightsCall(link: Link, { netuid, mechanism, uids, values, versionKey }: WeightsCall): RuntimeCall {
  return withMechanism(link, ['set_mechanism_weights', 'set_weights'], netuid, mechanism, [uids, values, versionKey])
}

export function commitWeightsCall(link: Link, by: Hotkey, call: WeightsCall, salt: number[]): RuntimeCall {
  return withMechanism(link, ['commit_mechanism_weights', 'commit_weights'], call.netuid, call.mechanism, [commitHash(by.address, call, salt)])
}

export function revealWeightsCall(link: Link, { netuid, mechanism, uids, values, versionKey }: WeightsCall, salt: number[]): RuntimeCall {
  return withMechanism(link, ['reveal_mechanism_weights', 'reveal_weights'], netuid, mechanism, [uids, values, salt, versionKey])
}

/** @param nowMs wall clock @param blockMs from block to block */
export function timelockedCall(link: Link, by: Hotkey, call: WeightsCall, state: EpochState, nowMs: number, blockMs: number, beacon: Beacon) {
  const { round, revealBlock } = revealRound(state, nowMs / 1000, blockMs / 1000, beacon)
  const commit = encrypt(weightsPayload(by.address, call.uids, call.values, BigInt(call.versionKey)), round, beacon)
  const names: [string, string] = ['commit_timelocked_mechanism_weights', 'commit_timelocked_weights']
  const hex = `0x${Buffer.from(commit).toString('hex')}`
  return { call: withMechanism(link, names, call.netuid, call.mechanism, [hex, round, COMMIT_REVEAL_VERSION]), round, revealBlock }
}
