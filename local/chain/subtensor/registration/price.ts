import type { Context } from '../../types.ts'
import { emit, get, put, subnets } from '../state.ts'

/** Fixed-point one with 32 bits behind the point, as the runtime counts prices. Source: spec 425, utils/misc.rs. */
const ONE = 1n << 32n
const ROOT = 0

const multiply = (value: bigint, factor: bigint) => (value * factor) >> 32n

function power(base: bigint, exponent: number): bigint {
  let result = ONE
  let factor = base
  for (let left = exponent; left > 0; left >>= 1) {
    if (left & 1) result = multiply(result, factor)
    factor = multiply(factor, factor)
  }
  return result
}

/** The largest factor whose power by `halfLife` is at most a half; 1 for no half-life. In 1/2³². */
export function decayFactor(halfLife: number): bigint {
  if (halfLife === 0) return ONE
  let low = 0n
  let high = ONE
  while (low + 1n < high) {
    const middle = (low + high) >> 1n
    if (power(middle, halfLife) > ONE / 2n) high = middle
    else low = middle
  }
  return low
}

const factors = new Map<number, bigint>()
function knownFactor(halfLife: number): bigint {
  const factor = factors.get(halfLife) ?? decayFactor(halfLife)
  factors.set(halfLife, factor)
  return factor
}

/** Every block prices sink a little, and the count of registrations starts anew. */
export function sinkPrices(ctx: Context): void {
  for (const netuid of subnets(ctx)) {
    const burn = get<bigint>(ctx, 'Burn', netuid)
    const sunk = ctx.block > 1 ? multiply(burn, knownFactor(get<number>(ctx, 'BurnHalfLife', netuid))) : burn
    setPrice(ctx, netuid, sunk)
    if (get<number>(ctx, 'RegistrationsThisBlock', netuid) !== 0) put(ctx, 'RegistrationsThisBlock', [netuid], 0)
  }
}

/** Each registration makes the next one dearer at once. */
export function raisePrice(ctx: Context, netuid: number): void {
  if (netuid === ROOT) return
  const { bits } = get<{ bits: bigint }>(ctx, 'BurnIncreaseMult', netuid)
  const one = 1n << 64n
  setPrice(ctx, netuid, (get<bigint>(ctx, 'Burn', netuid) * (bits > one ? bits : one)) >> 64n)
}

function setPrice(ctx: Context, netuid: number, rao: bigint): void {
  const least = get<bigint>(ctx, 'MinBurn', netuid)
  const most = get<bigint>(ctx, 'MaxBurn', netuid)
  const bounded = rao < least ? least : rao
  const price = bounded > most ? most : bounded
  if (price !== get<bigint>(ctx, 'Burn', netuid)) put(ctx, 'Burn', [netuid], price)
}

/** What registrations burned so far, rao. */
export function countRecycled(ctx: Context, netuid: number, rao: bigint): void {
  const all = get<bigint>(ctx, 'RAORecycledForRegistration', netuid) + rao
  put(ctx, 'RAORecycledForRegistration', [netuid], all)
  emit(ctx, 'RAORecycledForRegistrationSet', netuid, all)
}
