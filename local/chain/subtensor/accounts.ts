import { type AccountInfo, EXISTENTIAL_DEPOSIT, transfer } from '../chain/accounts.ts'
import type { Context } from '../types.ts'
import { get, put } from './state.ts'

/** What an account that never was looks like as an owner. */
export const NOBODY = `0x${'00'.repeat(32)}`

/** Rao. */
export function balanceOf(ctx: Context, account: string): bigint {
  return ctx.storage.get<AccountInfo>('System.Account', account).data.free
}

/** Pays the subnet's own account as far as the payer's account lives on; the rao paid, 0 when there is nothing to spare. */
export function paySubnet(ctx: Context, netuid: number, from: string, rao: bigint): bigint {
  const spare = balanceOf(ctx, from) - EXISTENTIAL_DEPOSIT
  const paid = rao < spare ? rao : spare
  if (paid <= 0n) return 0n
  transfer(ctx, from, subnetAccount(netuid), paid)
  return paid
}

/** "modl", the pallet's id and the netuid, then zeros. Source: PalletId::into_sub_account_truncating. */
export function subnetAccount(netuid: number): string {
  const id = Buffer.alloc(32)
  id.write('modlsubtensr')
  id.writeUInt16LE(netuid, 12)
  return `0x${id.toString('hex')}`
}

/** The first coldkey to name a hotkey owns it from then on. */
export function associate(ctx: Context, coldkey: string, hotkey: string): void {
  if (get<string>(ctx, 'Owner', hotkey) !== NOBODY) return
  put(ctx, 'Owner', [hotkey], coldkey)
  for (const item of ['OwnedHotkeys', 'StakingHotkeys']) {
    const hotkeys = get<string[]>(ctx, item, coldkey)
    if (!hotkeys.includes(hotkey)) put(ctx, item, [coldkey], [...hotkeys, hotkey])
  }
}
