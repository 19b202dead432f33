import { type Context, DispatchFailure } from '../../types.ts'
import { decrypt } from '../../drand/decrypt.ts'
import { epochNow } from '../epoch/schedule.ts'
import { emit, entries, get, indices, put, remove } from '../state.ts'
import type { Timelocked } from './commit.ts'
import { parsePayload } from './payload.ts'
import { setWeights } from './set.ts'

/**
 * Sets the weights of commits whose epoch of reveal this is. One whose pulse is not on chain yet is tried again every block until the
 * epoch is over; one that cannot be read, or whose weights are refused, is gone without a word. Source: spec 425, coinbase/reveal_commits.rs.
 */
export function revealTimelocked(ctx: Context, netuid: number): void {
  const now = epochNow(ctx, netuid)
  const period = get<bigint>(ctx, 'RevealPeriodEpochs', netuid)
  for (const [mechanism, index] of indices(ctx, netuid).entries()) {
    for (const [[epoch], queue] of entries<Timelocked[]>(ctx, 'TimelockedWeightCommits', index)) {
      if (typeof epoch !== 'bigint' || epoch + period > now) continue
      const missing = epoch + period === now ? queue.filter((commit) => !revealOne(ctx, netuid, mechanism, commit)) : []
      if (missing.length === 0) remove(ctx, 'TimelockedWeightCommits', index, epoch)
      else if (missing.length < queue.length) put(ctx, 'TimelockedWeightCommits', [index, epoch], missing)
    }
  }

  /** False: its pulse is missing. */
  function revealOne(ctx: Context, netuid: number, mechanism: number, [who, , bytes, round]: Timelocked): boolean {
    const pulse = ctx.storage.get<{ signature: string } | null>('Drand.Pulses', round)
    if (!pulse) return false
    const plain = decrypt(fromHex(bytes), fromHex(pulse.signature))
    const payload = plain && parsePayload(plain)
    if (!payload || (payload.hotkey !== null && payload.hotkey !== who)) return true
    try {
      setWeights({ ...ctx, who }, { netuid, mechanism, ...payload })
      emit(ctx, 'TimelockedWeightsRevealed', indices(ctx, netuid)[mechanism] ?? netuid, who)
    } catch (error) {
      if (!(error instanceof DispatchFailure)) throw error
    }
    return true
  }
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}
