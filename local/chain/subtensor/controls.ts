import { Mistake } from '../../../node-agents/core/mistake.ts'
import type { Context, Part, Value } from '../types.ts'
import { lines, parseItem } from '../scale/text.ts'
import { associate } from './accounts.ts'
import { STORAGE } from './declare/storage.ts'
import { replaceNeuron } from './neurons.ts'
import { populate, syntheticKey } from './populate.ts'
import { addNeuron } from './registration/calls.ts'
import { emit, exists, get, put, putAt, uidOf } from './state.ts'

type Params = Record<string, Value>

/** What tests may do to a subnet without a transaction, all of it part of the next block. Accounts are 0x-hex, amounts rao. */
export const CONTROLS: Part['dev'] = {
  /** Without a price; the hotkey belongs to the coldkey, if to nobody else yet. Gives the uid. */
  register: (ctx, params) => {
    const netuid = netuidOf(ctx, params)
    const hotkey = accountOf(params, 'hotkey')
    if (uidOf(ctx, netuid, hotkey) !== null) throw new Mistake(`register: hotkey ${hotkey} is registered on subnet ${netuid} already`)
    associate(ctx, accountOf(params, 'coldkey'), hotkey)
    const uid = addNeuron(ctx, netuid, hotkey)
    emit(ctx, 'NeuronRegistered', netuid, uid, hotkey)
    return uid
  },
  /** Some other key takes the place, as a uid is never empty. */
  deregister: (ctx, params) => {
    const netuid = netuidOf(ctx, params)
    const uid = uidFrom(ctx, netuid, params)
    const hotkey = syntheticKey(`in place of uid ${uid}, block ${ctx.block}`)
    associate(ctx, hotkey, hotkey)
    replaceNeuron(ctx, netuid, uid, hotkey)
    emit(ctx, 'NeuronRegistered', netuid, uid, hotkey)
    return null
  },
  /** On netuid 0 it is TAO on root. */
  stake: (ctx, params) => {
    put(ctx, 'TotalHotkeyAlpha', [accountOf(params, 'hotkey'), netuidOf(ctx, params)], amountOf(params, 'rao'))
    return null
  },
  /** Until the next epoch works it out. */
  permit: (ctx, params) => {
    const netuid = netuidOf(ctx, params)
    putAt(ctx, 'ValidatorPermit', netuid, uidFrom(ctx, netuid, params), params['on'] === true)
    return null
  },
  /** By the name of an item that is kept per subnet, or once for all. */
  hyperparameter: (ctx, params) => {
    const netuid = netuidOf(ctx, params)
    const item = ITEMS.get(String(params['name']))
    if (!item) throw new Mistake(`hyperparameter: "${String(params['name'])}" is no item of one value per subnet; names are as in storage, such as "Tempo"`)
    put(ctx, item.name, item.keys.length === 0 ? [] : [netuid], params['value'] ?? null)
    return null
  },
  /** So many more neurons, quickly: with axons, stakes, and a permit for the first of them. Gives how many there are then. */
  populate: (ctx, params) => populate(ctx, netuidOf(ctx, params), Number(amountOf(params, 'n'))),
}

const ITEMS = new Map(
  lines(STORAGE)
    .map(parseItem)
    .filter(({ keys }) => keys.length === 0 || (keys.length === 1 && keys[0] === 'u16'))
    .map((item) => [item.name, item]),
)

function netuidOf(ctx: Context, { netuid }: Params): number {
  if (typeof netuid !== 'number' || !exists(ctx, netuid)) throw new Mistake(`no subnet ${String(netuid)} on this chain`)
  return netuid
}

function accountOf(params: Params, name: string): string {
  const value = params[name]
  if (typeof value !== 'string' || !/^0x[0-9a-f]{64}$/i.test(value)) throw new Mistake(`${name} is not an account (0x and 64 hex digits): ${String(value)}`)
  return value.toLowerCase()
}

function amountOf(params: Params, name: string): bigint {
  const value = params[name]
  if (typeof value === 'bigint' || typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))) return BigInt(value)
  throw new Mistake(`${name} is not a whole number: ${String(value)}`)
}

function uidFrom(ctx: Context, netuid: number, params: Params): number {
  const uid = params['hotkey'] === undefined ? params['uid'] : uidOf(ctx, netuid, accountOf(params, 'hotkey'))
  if (typeof uid !== 'number' || uid >= get<number>(ctx, 'SubnetworkN', netuid)) {
    throw new Mistake(`nobody of subnet ${netuid} is ${String(params['hotkey'] ?? params['uid'])}`)
  }
  return uid
}
