import { DispatchFailure, type Pallet, type Value } from '../types.ts'
import { blake2AsHex } from '@polkadot/util-crypto'
import { type AccountInfo, EXISTENTIAL_DEPOSIT, nonceOf, transfer } from './accounts.ts'

/** What the pallets of runtime/frame.ts do. */
export const FRAME: Pallet[] = [
  {
    name: 'System',
    calls: {
      remark: () => undefined,
      remark_with_event: (ctx, { remark }) => ctx.emit('System.Remarked', ctx.who, blake2AsHex(String(remark))),
    },
  },
  {
    name: 'Timestamp',
    calls: {
      set: () => {
        throw new DispatchFailure('BadOrigin')
      },
    },
  },
  {
    name: 'Balances',
    calls: {
      transfer_allow_death: (ctx, { dest, value }) => transfer(ctx, ctx.who, account(dest), value as bigint),
      transfer_keep_alive: (ctx, { dest, value }) => {
        const { free } = ctx.storage.get<AccountInfo>('System.Account', ctx.who).data
        if (free >= (value as bigint) && free - (value as bigint) < EXISTENTIAL_DEPOSIT) throw new DispatchFailure('Token.NotExpendable')
        transfer(ctx, ctx.who, account(dest), value as bigint)
      },
      transfer_all: (ctx, { dest, keep_alive }) => {
        const { free } = ctx.storage.get<AccountInfo>('System.Account', ctx.who).data
        transfer(ctx, ctx.who, account(dest), keep_alive === true ? free - EXISTENTIAL_DEPOSIT : free)
      },
    },
  },
  { name: 'TransactionPayment', calls: {} },
  { name: 'AccountNonceApi', calls: {}, apis: { 'AccountNonceApi.account_nonce': (ctx, who) => nonceOf(ctx.storage, String(who)) } },
]

/** The 0x key of a MultiAddress. */
function account(address: Value | undefined): string {
  const id = typeof address === 'object' && address !== null && !Array.isArray(address) ? address['Id'] : undefined
  if (typeof id !== 'string') throw new DispatchFailure('CannotLookup')
  return id
}
