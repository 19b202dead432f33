import type { Context } from '../../types.ts'
import { sinkPrices } from '../registration/price.ts'
import { emit, get, put, subnets } from '../state.ts'
import { revealTimelocked } from '../weights/timelocked.ts'
import { dueNow } from './schedule.ts'
import { runEpoch } from './run.ts'

/** What every block begins with, in the runtime's order: prices, reveals, emission, epochs. Source: spec 425, coinbase/block_step.rs. */
export function beginBlock(ctx: Context): void {
  sinkPrices(ctx)
  const { deferred } = dueNow(ctx)
  const netuids = subnets(ctx).filter((netuid) => netuid !== 0)
  for (const netuid of netuids) if (!deferred.includes(netuid)) revealTimelocked(ctx, netuid)
  for (const netuid of netuids) emission(ctx, netuid)
  stepEpochs(ctx)
}

/** One alpha a block, less the owner's cut; half for miners and half for validators at the next epoch. */
function emission(ctx: Context, netuid: number): void {
  if (!get<boolean>(ctx, 'SubtokenEnabled', netuid)) return
  const created = get<bigint>(ctx, 'BlockEmission')
  const cut = (created * BigInt(get<number>(ctx, 'SubnetOwnerCut'))) / 65535n
  const half = (created - cut) / 2n
  add(ctx, 'SubnetAlphaOut', netuid, created)
  add(ctx, 'PendingServerEmission', netuid, half)
  add(ctx, 'PendingValidatorEmission', netuid, half)
}

function stepEpochs(ctx: Context): void {
  const now = BigInt(ctx.block)
  for (const netuid of subnets(ctx)) if (netuid !== 0) add(ctx, 'BlocksSinceLastStep', netuid, 1n)
  const { run, deferred } = dueNow(ctx)
  for (const netuid of deferred) {
    put(ctx, 'PendingEpochAt', [netuid], now + 1n)
    emit(ctx, 'EpochDeferred', netuid, now, now + 1n)
  }
  for (const netuid of run) {
    put(ctx, 'BlocksSinceLastStep', [netuid], 0n)
    put(ctx, 'LastEpochBlock', [netuid], now)
    put(ctx, 'PendingEpochAt', [netuid], 0n)
    add(ctx, 'SubnetEpochIndex', netuid, 1n)
    runEpoch(ctx, netuid)
    put(ctx, 'LastMechansimStepBlock', [netuid], now)
  }
}

function add(ctx: Context, item: string, netuid: number, amount: bigint): void {
  put(ctx, item, [netuid], get<bigint>(ctx, item, netuid) + amount)
}
