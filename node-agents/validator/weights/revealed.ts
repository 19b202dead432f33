import { ChainError } from '../../core/chain/errors.ts'
import type { Chain } from '../../core/ports.ts'
import type { Cycle } from '../store/types.ts'

/** A block that is expected to reveal comes some blocks after the first that may. */
const BEFORE = 10
/** So many blocks are looked through at once: those in which a reveal is most likely. */
const MOST = 64

/**
 * Whether the chain told of a reveal of these weights, in a block up to `upTo` that was not looked at before. False does not say that there
 * was none: blocks that the endpoint has forgotten tell nothing.
 * @throws ChainError
 */
export async function wasRevealed(
  chain: Chain,
  { mode, hotkey, netuid, mechanism, includedBlock, revealBlock, readBlock }: Cycle,
  upTo: number,
): Promise<boolean> {
  if (mode === 'plain') return false
  const first = Math.max(readBlock === null ? (revealBlock ?? upTo) - BEFORE : readBlock + 1, (includedBlock ?? 0) + 1)
  for (let number = first; number <= Math.min(upTo, first + MOST); number++) {
    const hash = await chain.hashAt(number)
    if (hash !== null && (await told(chain, netuid, mechanism, hotkey, hash))) return true
  }
  return false
}

async function told(chain: Chain, netuid: number, mechanism: number, hotkey: string, hash: string): Promise<boolean> {
  try {
    return await chain.revealed(netuid, mechanism, hotkey, hash)
  } catch (error) {
    if (error instanceof ChainError && error.code === 'StateDiscarded') return false
    throw error
  }
}
