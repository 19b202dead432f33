import { createHash } from 'node:crypto'
import type { SeedParts } from './types.ts'

/**
 * The seed of a session, 32 bytes: SHA-256 over "compute/seed/1", a line break, and the parts as a JSON array. So it hangs on the
 * validator's own randomness and the pulse, and belongs to one validator, miner, host key and round.
 * @throws RangeError when `fresh` is not 32 bytes in lower-case hex
 */
export function makeSeed({ fresh, pulse, validator, miner, hostKey, round }: SeedParts): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(fresh)) throw new RangeError('fresh: 32 bytes in lower-case hex')
  const parts = [fresh, pulse && [pulse.round, pulse.randomness, pulse.signature], validator, miner, hostKey, round]
  return createHash('sha256')
    .update(`compute/seed/1\n${JSON.stringify(parts)}`)
    .digest()
}
