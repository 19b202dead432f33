import { amount, bytes, count, orNull, struct } from './plain.ts'
import type { Pulse } from './types.ts'
import type { Link } from './wire.ts'

/** Null: not registered there. */
export async function readUid(link: Link, netuid: number, hotkey: string, at: string | undefined): Promise<number | null> {
  return orNull(count)(await link.read('SubtensorModule.Uids', [netuid, hotkey], at), 'Uids')
}

/** Free balance in rao. */
export async function readBalance(link: Link, address: string, at: string | undefined): Promise<bigint> {
  const free = struct((account) =>
    account(
      'data',
      struct((data) => data('free', amount)),
    ),
  )
  return free(await link.read('System.Account', [address], at), 'System.Account')
}

/** Time of a block, ms since 1970. */
export async function readTimestamp(link: Link, at: string | undefined): Promise<number> {
  return count(await link.read('Timestamp.Now', [], at), 'Timestamp.Now')
}

const bare = (hex: string): string => hex.slice(2)

/** The newest drand pulse of the pallet; null: the runtime has no such pallet, or no pulse came yet. */
export async function readPulse(link: Link, at: string | undefined): Promise<Pulse | null> {
  if (!link.hasItem('Drand.LastStoredRound') || !link.hasItem('Drand.Pulses')) return null
  const round = count(await link.read('Drand.LastStoredRound', [], at), 'LastStoredRound')
  const pulse = orNull(struct((field) => ({ round, randomness: bare(field('randomness', bytes)), signature: bare(field('signature', bytes)) })))
  return pulse(await link.read('Drand.Pulses', [round], at), 'Pulses')
}
