/** The field of the private check: integers modulo the prime 2^31 - 1, in doubles. */
export const P = 2 ** 31 - 1

/** The residue 0 … P-1 of any exact integer (|x| ≤ 2^53). */
export function reduce(x: number): number {
  const rest = x % P
  return rest < 0 ? rest + P : rest
}
