/** Stake as the runtime counts it for permits (`get_stake_weights_for_network`), to the last rao of its fixed-point numbers. */

const U64_MAX = (1n << 64n) - 1n
/** Fraction bits of the runtime's U96F32. */
const FRACTION = 32n

/** One who gives a part of its stake on. `proportion` is of 2^64 − 1. */
export type Parent = { stake: bigint; proportion: bigint }

/**
 * What a hotkey stands for on a subnet: its own stake, less what it gives to children, with what it has from parents. Rao.
 * @param children their proportions of 2^64 − 1
 */
export function inherited(own: bigint, children: bigint[], parents: Parent[]): bigint {
  const given = children.reduce((sum, proportion) => sum + own * ofOne(proportion), 0n)
  const received = parents.reduce((sum, { stake, proportion }) => sum + stake * ofOne(proportion), 0n)
  const kept = (own << FRACTION) - given
  return ((kept > 0n ? kept : 0n) + received) >> FRACTION
}

/** Alpha of the subnet with root TAO at its weight. @param taoWeight of 2^64 − 1, as `TaoWeight` is stored */
export function totalStake(alpha: bigint, tao: bigint, taoWeight: bigint): bigint {
  return alpha + ((tao * ofOne(taoWeight)) >> FRACTION)
}

function ofOne(proportion: bigint): bigint {
  return (proportion << FRACTION) / U64_MAX
}
