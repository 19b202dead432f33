import type { Context } from '../../types.ts'
import { get, ownerUid, uidOf } from '../state.ts'

export type Candidate = { uid: number; emission: bigint; registeredAt: bigint; immune: boolean }

/**
 * Whose uid the next registration on a full subnet takes: least emission, then longest there, then lowest uid. Those still in their
 * immunity go only when so few others are left. Null: nobody. Source: spec 425, get_neuron_to_prune.
 */
export function choose(candidates: Candidate[], minNonImmune: number): number | null {
  const ordered = candidates.toSorted((a, b) => compare(a.emission, b.emission) || compare(a.registeredAt, b.registeredAt) || a.uid - b.uid)
  const free = ordered.filter(({ immune }) => !immune)
  const [chosen] = free.length > minNonImmune ? free : ordered.filter(({ immune }) => immune)
  return chosen?.uid ?? null
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)

export function uidToPrune(ctx: Context, netuid: number): number | null {
  const emissions = get<bigint[]>(ctx, 'Emission', netuid)
  const immunity = BigInt(get<number>(ctx, 'ImmunityPeriod', netuid))
  const kept = ownersUids(ctx, netuid)
  const candidates = Array.from({ length: get<number>(ctx, 'SubnetworkN', netuid) }, (_, uid) => uid).flatMap((uid) => {
    if (kept.includes(uid)) return []
    const registeredAt = get<bigint>(ctx, 'BlockAtRegistration', netuid, uid)
    return [{ uid, emission: emissions[uid] ?? 0n, registeredAt, immune: BigInt(ctx.block) - registeredAt < immunity }]
  })
  return choose(candidates, get<number>(ctx, 'MinNonImmuneUids', netuid))
}

/** Of the owner's hotkeys so many are never replaced: the one named first, then those there longest. */
function ownersUids(ctx: Context, netuid: number): number[] {
  const limit = get<number>(ctx, 'ImmuneOwnerUidsLimit', netuid)
  const since = (uid: number) => get<bigint>(ctx, 'BlockAtRegistration', netuid, uid)
  const owned = get<string[]>(ctx, 'OwnedHotkeys', get<string>(ctx, 'SubnetOwner', netuid))
    .flatMap((hotkey) => uidOf(ctx, netuid, hotkey) ?? [])
    .toSorted((a, b) => compare(since(a), since(b)) || a - b)
    .slice(0, limit)
  const named = ownerUid(ctx, netuid)
  return (named === null || owned.includes(named) ? owned : [named, ...owned]).slice(0, limit)
}
