import { amount, count, orNull, struct } from './plain.ts'
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
