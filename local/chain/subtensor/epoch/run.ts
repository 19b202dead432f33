import type { Context } from '../../types.ts'
import { View } from '../apis/view.ts'
import { emit, get, indices, ownerUid, put, remove } from '../state.ts'
import { consensus, normal, type Outcome, permits, type Row } from './consensus.ts'

const MAX_U16 = 65535
type Uid = { active: boolean; permit: boolean; stake: bigint }

/** One epoch: who is active, who may validate from now on, and how the emission since the last one is shared out. */
export function runEpoch(ctx: Context, netuid: number): void {
  const view = new View(ctx, netuid)
  const uids = assess(view)
  const counting = normal(uids.map(({ active, permit, stake }) => (active && permit ? Number(stake) : 0)))
  const mechanisms = indices(ctx, netuid).map((index) => ({ index, outcome: weigh(view, index, counting) }))
  for (const { index, outcome } of mechanisms) put(ctx, 'Incentive', [index], outcome.incentive.map(toU16))
  const mean = (of: keyof Outcome) => uids.map((_, uid) => mechanisms.reduce((sum, { outcome }) => sum + (outcome[of][uid] ?? 0), 0) / mechanisms.length)
  put(ctx, 'Consensus', [netuid], mean('consensus').map(toU16))
  put(ctx, 'ValidatorTrust', [netuid], mean('validatorTrust').map(toU16))
  put(ctx, 'Dividends', [netuid], mean('dividends').map(toU16))
  const most = Math.max(...counting, 0)
  put(
    ctx,
    'StakeWeight',
    [netuid],
    counting.map((part) => (most === 0 ? 0 : toU16(part / most))),
  )
  shareOut(view, mean('incentive'), mean('dividends'))
  putPermits(view, uids)
}

/** The owner always may; others by stake that is not below the threshold. Source: spec 425, epoch/run_epoch.rs. */
function assess(view: View): Uid[] {
  const { ctx, netuid } = view
  const owner = ownerUid(ctx, netuid)
  const threshold = get<bigint>(ctx, 'StakeThreshold')
  const updates = get<bigint[]>(ctx, 'LastUpdate', netuid)
  const stakes = view.stakes.map(({ total }, uid) => (uid !== owner && total < threshold ? 0n : total))
  const permitted = permits(stakes, get<number>(ctx, 'MaxAllowedValidators', netuid))
  return stakes.map((stake, uid) => ({
    stake,
    active: (updates[uid] ?? 0n) + view.activityCutoff >= BigInt(ctx.block),
    permit: permitted[uid] === true || uid === owner,
  }))
}

/** Nobody's weight for himself counts, but the owner's: it burns. */
function weigh({ ctx, netuid }: View, index: number, counting: number[]): Outcome {
  const owner = ownerUid(ctx, netuid)
  const rows = counting.flatMap((part, uid): [number, Row][] => {
    if (part === 0) return []
    return [[uid, get<Row>(ctx, 'Weights', index, uid).filter(([of]) => of !== uid || uid === owner)]]
  })
  return consensus(counting, new Map(rows), get<number>(ctx, 'Kappa', netuid) / MAX_U16)
}

/** Half to miners, half to validators; all to validators while nobody has an incentive. What the owner's hotkeys mine is burned. */
function shareOut({ ctx, netuid, hotkeys, coldkeys }: View, incentive: number[], dividends: number[]): void {
  const server = take(ctx, netuid, 'PendingServerEmission')
  const validator = take(ctx, netuid, 'PendingValidatorEmission')
  const mined = incentive.some((part) => part > 0)
  const toMiners = incentive.map((part) => partOf(server, part))
  const toValidators = dividends.map((part) => partOf(mined ? validator : validator + server, part))
  const owner = get<string>(ctx, 'SubnetOwner', netuid)
  for (const [uid, hotkey] of hotkeys.entries()) {
    const dividend = toValidators[uid] ?? 0n
    const earned = dividend + (coldkeys[uid] === owner ? 0n : (toMiners[uid] ?? 0n))
    if (earned === 0n) continue
    put(ctx, 'TotalHotkeyAlpha', [hotkey, netuid], get<bigint>(ctx, 'TotalHotkeyAlpha', hotkey, netuid) + earned)
    put(ctx, 'AlphaDividendsPerSubnet', [netuid, hotkey], dividend)
  }
  put(
    ctx,
    'Emission',
    [netuid],
    toMiners.map((rao, uid) => rao + (toValidators[uid] ?? 0n)),
  )
  emit(ctx, 'IncentiveAlphaEmittedToMiners', netuid, toMiners)
}

/** Who may no longer validate has no bonds. */
function putPermits({ ctx, netuid }: View, uids: Uid[]): void {
  const before = get<boolean[]>(ctx, 'ValidatorPermit', netuid)
  for (const [uid, { permit }] of uids.entries())
    if (before[uid] === true && !permit) for (const index of indices(ctx, netuid)) remove(ctx, 'Bonds', index, uid)
  put(
    ctx,
    'ValidatorPermit',
    [netuid],
    uids.map(({ permit }) => permit),
  )
  put(
    ctx,
    'Active',
    [netuid],
    uids.map(({ active }) => active),
  )
}

function take(ctx: Context, netuid: number, item: string): bigint {
  const rao = get<bigint>(ctx, item, netuid)
  put(ctx, item, [netuid], 0n)
  return rao
}

const toU16 = (part: number) => Math.round(Math.min(1, part) * MAX_U16)
const partOf = (rao: bigint, part: number) => (rao * BigInt(Math.floor(part * 1e9))) / 1_000_000_000n
