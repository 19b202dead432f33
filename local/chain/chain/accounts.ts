import type { Context, Storage, Value } from '../types.ts'
import { DispatchFailure } from '../types.ts'
import type { DecodedCall, Extrinsic } from './extrinsic.ts'

export type AccountInfo = {
  nonce: number
  consumers: number
  providers: number
  sufficients: number
  data: { free: bigint; reserved: bigint; frozen: bigint; flags: bigint }
} & { [field: string]: Value }

/** Rao below which an account is gone. */
export const EXISTENTIAL_DEPOSIT = 500n
/** Weight of every call, ps: the live ones are of this order. */
export const REF_TIME = 100_000_000n
/** The live chain takes 0.05 % of the weight, and one rao for every byte. */
const WEIGHT_FEE = REF_TIME / 2000n

/** Rao. Calls that are Pays::No cost only the tip somebody gives. */
export function fee(extrinsic: Extrinsic, call: DecodedCall): bigint {
  return extrinsic.tip + (call.free ? 0n : WEIGHT_FEE + BigInt(extrinsic.hex.length / 2 - 1))
}

/** Adds to (or takes from) the free balance, rao. Throws a DispatchFailure when there is not enough. */
export function pay(ctx: Context, who: string, amount: bigint): void {
  const account = ctx.storage.get<AccountInfo>('System.Account', who)
  const free = account.data.free + amount
  if (free < 0n) throw new DispatchFailure('Token.FundsUnavailable')
  const isNew = account.providers === 0 && free >= EXISTENTIAL_DEPOSIT
  if (account.providers === 0 && !isNew) throw new DispatchFailure('Token.BelowMinimum')
  ctx.storage.put('System.Account', [who], { ...account, providers: 1, data: { ...account.data, free } })
  const issuance = ctx.storage.get<bigint>('Balances.TotalIssuance')
  ctx.storage.put('Balances.TotalIssuance', [], issuance + amount < 0n ? 0n : issuance + amount)
  if (isNew) ctx.emit('System.NewAccount', who)
}

/** Moves free balance, rao. Throws a DispatchFailure. */
export function transfer(ctx: Context, from: string, to: string, amount: bigint): void {
  pay(ctx, from, -amount)
  pay(ctx, to, amount)
  ctx.emit('Balances.Transfer', from, to, amount)
}

/** Called for every extrinsic that stands in a block. */
export function useNonce(ctx: Context, extrinsic: Extrinsic): void {
  const account = ctx.storage.get<AccountInfo>('System.Account', extrinsic.signer)
  ctx.storage.put('System.Account', [extrinsic.signer], { ...account, nonce: extrinsic.nonce + 1 })
}

/** The nonce an account's next extrinsic has. */
export function nonceOf(storage: Storage, who: string): number {
  return storage.get<AccountInfo>('System.Account', who).nonce
}
