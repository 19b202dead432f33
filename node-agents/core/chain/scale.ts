/** The few SCALE encodings that are hashed or encrypted before any SDK sees them. Layouts of the runtime's own structs, not of metadata. */

export function u16(value: number): Uint8Array {
  return little(value, 0xffffn, 2)
}

export function u64(value: bigint | number): Uint8Array {
  return little(value, 0xffff_ffff_ffff_ffffn, 8)
}

/** Numbers up to 2^30 − 1: a length. */
export function compact(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 30) throw new RangeError(`${value} is no length`)
  if (value < 2 ** 6) return little(value * 4, 0xffn, 1)
  if (value < 2 ** 14) return little(value * 4 + 1, 0xffffn, 2)
  return little(value * 4 + 2, 0xffff_ffffn, 4)
}

export function u16s(values: readonly number[]): Uint8Array {
  return Buffer.concat([compact(values.length), ...values.map(u16)])
}

export function bytes(value: Uint8Array): Uint8Array {
  return Buffer.concat([compact(value.length), value])
}

function little(value: bigint | number, most: bigint, length: number): Uint8Array {
  let rest = BigInt(value)
  if (rest < 0n || rest > most) throw new RangeError(`${value} does not fit into ${length * 8} bits`)
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++, rest >>= 8n) out[i] = Number(rest & 0xffn)
  return out
}
