import type { CallContext, Context, Pallet, Value } from '../../types.ts'
import { associate, balanceOf, paySubnet } from '../accounts.ts'
import { appendNeuron, replaceNeuron } from '../neurons.ts'
import { emit, ensure, exists, get, put, uidOf } from '../state.ts'
import { uidToPrune } from './prune.ts'
import { countRecycled, raisePrice } from './price.ts'

const ROOT = 0

type Args = { netuid: number; hotkey: string; limit_price?: bigint }

/** The coldkey that signs pays the price of now. In the runtime's order (spec 425, subnets/registration.rs). */
function register(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, hotkey } = args as Args
  ensure(netuid !== ROOT, 'RegistrationNotPermittedOnRootSubnet')
  ensure(exists(ctx, netuid), 'SubnetNotExists')
  ensure(get<boolean>(ctx, 'NetworkRegistrationAllowed', netuid), 'SubNetRegistrationDisabled')
  ensure(uidOf(ctx, netuid, hotkey) === null, 'HotKeyAlreadyRegisteredInSubNet')
  const price = get<bigint>(ctx, 'Burn', netuid)
  ensure(price <= balanceOf(ctx, ctx.who), 'NotEnoughBalanceToStake')
  associate(ctx, ctx.who, hotkey)
  ensure(get<string>(ctx, 'Owner', hotkey) === ctx.who, 'NonAssociatedColdKey')
  const most = get<number>(ctx, 'MaxAllowedUids', netuid)
  ensure(most !== 0 && (get<number>(ctx, 'SubnetworkN', netuid) < most || uidToPrune(ctx, netuid) !== null), 'NoNeuronIdAvailable')
  const paid = paySubnet(ctx, netuid, ctx.who, price)
  ensure(paid > 0n, 'InsufficientBalance')
  put(ctx, 'SubnetTAO', [netuid], get<bigint>(ctx, 'SubnetTAO', netuid) + paid)
  const uid = addNeuron(ctx, netuid, hotkey)
  raisePrice(ctx, netuid)
  put(ctx, 'RegistrationsThisBlock', [netuid], get<number>(ctx, 'RegistrationsThisBlock', netuid) + 1)
  countRecycled(ctx, netuid, price)
  emit(ctx, 'NeuronRegistered', netuid, uid, hotkey)
}

/** Not above a price the signer names. */
function registerLimit(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, limit_price = 0n } = args as Args
  ensure(netuid !== ROOT, 'RegistrationNotPermittedOnRootSubnet')
  ensure(exists(ctx, netuid), 'SubnetNotExists')
  ensure(get<bigint>(ctx, 'Burn', netuid) <= limit_price, 'RegistrationPriceLimitExceeded')
  register(ctx, args)
}

/** A uid at the end, or on a full subnet that of whoever earns least. */
export function addNeuron(ctx: Context, netuid: number, hotkey: string): number {
  if (get<number>(ctx, 'SubnetworkN', netuid) < get<number>(ctx, 'MaxAllowedUids', netuid)) return appendNeuron(ctx, netuid, hotkey)
  const uid = uidToPrune(ctx, netuid)
  ensure(uid !== null, 'NoNeuronIdAvailable')
  replaceNeuron(ctx, netuid, uid, hotkey)
  return uid
}

/** On root there is no price; when it is full, more stake takes the uid of whoever has least. */
function rootRegister(ctx: CallContext, args: Record<string, Value>): void {
  const { hotkey } = args as Args
  const count = (item: string) => get<number>(ctx, item, ROOT)
  ensure(exists(ctx, ROOT), 'RootNetworkDoesNotExist')
  ensure(count('RegistrationsThisBlock') < count('MaxRegistrationsPerBlock'), 'TooManyRegistrationsThisBlock')
  ensure(count('RegistrationsThisInterval') < count('TargetRegistrationsPerInterval') * 3, 'TooManyRegistrationsThisInterval')
  ensure(uidOf(ctx, ROOT, hotkey) === null, 'HotKeyAlreadyRegisteredInSubNet')
  associate(ctx, ctx.who, hotkey)
  const uid = count('SubnetworkN') < count('MaxAllowedUids') ? appendNeuron(ctx, ROOT, hotkey) : replaceOnRoot(ctx, hotkey)
  for (const item of ['RegistrationsThisInterval', 'RegistrationsThisBlock']) put(ctx, item, [ROOT], count(item) + 1)
  emit(ctx, 'NeuronRegistered', ROOT, uid, hotkey)
}

function replaceOnRoot(ctx: Context, hotkey: string): number {
  const stake = (key: string) => get<bigint>(ctx, 'TotalHotkeyAlpha', key, ROOT)
  const uids = Array.from({ length: get<number>(ctx, 'SubnetworkN', ROOT) }, (_, uid) => ({ uid, stake: stake(get<string>(ctx, 'Keys', ROOT, uid)) }))
  const least = uids.reduce((a, b) => (b.stake < a.stake ? b : a))
  ensure(least.stake < stake(hotkey), 'StakeTooLowForRoot')
  replaceNeuron(ctx, ROOT, least.uid, hotkey)
  return least.uid
}

/** `register` took a proof of work once; now it is a burn like the others. */
export const REGISTRATION_CALLS: Pallet['calls'] = {
  register,
  burned_register: register,
  register_limit: registerLimit,
  root_register: rootRegister,
}
