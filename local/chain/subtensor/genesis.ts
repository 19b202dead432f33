import { pay } from '../chain/accounts.ts'
import type { Context } from '../types.ts'
import { associate } from './accounts.ts'
import { appendNeuron } from './neurons.ts'
import { put } from './state.ts'

/** Public keys of the usual development phrases (sr25519): anybody can sign for them. */
export const ACCOUNTS = {
  '//Alice': '0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d',
  '//Bob': '0x8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48',
  '//Charlie': '0x90b5ab205c6974c9ea841be688864633dc9ca8a357843eeacf2314649965fe22',
  '//Dave': '0x306721211d5404bd9da88e0204360a1a9ab8b87c66c1bc2fcdd37f3c2222cc20',
  '//Eve': '0xe659a7a1628cdd93febc04a4e0646ea20e9f5f0ce097d9a05290d4a9e054df4e',
  '//Ferdie': '0x1cbd2d43530a44705ad088af313e18f80b53ef16b36177cd4b77b846f2a5f07c',
  '//Owner': '0x967565a72ebaf286e32c4fa2bff58394bb727afb3c2b10f0a628d4f56d890075',
}

const RAO = 1_000_000_000n
const EACH = 1_000_000n * RAO
const ROOT = 0

/** What a development chain starts with, where it differs from a subnet registered on the live one. */
export type Genesis = {
  /** The one subnet besides root. Default 27. */
  netuid: number
  /** Blocks from epoch to epoch. Default 360; 0: no epochs. */
  tempo: number
  /** Weights must be committed first. Default true, as on the live chain. */
  commitReveal: boolean
  /** Rao of stake below which nobody may weigh. Default 0, as a new chain has it. */
  stakeThreshold: bigint
  maxUids: number
  /** The development accounts are neurons too, in their order from uid 1 on, each its own coldkey. Default false: nobody but the owner is. */
  registered: boolean
}

/** Root and one subnet, of whom //Owner is owner and uid 0, and rich development accounts. Source of the values: spec 425, init_new_network. */
export function genesis(ctx: Context, { netuid, tempo, commitReveal, stakeThreshold, maxUids, registered }: Genesis): void {
  for (const account of Object.values(ACCOUNTS)) pay(ctx, account, EACH)
  put(ctx, 'StakeThreshold', [], stakeThreshold)
  put(ctx, 'TotalNetworks', [], 2)
  addRoot(ctx)

  put(ctx, 'NetworksAdded', [netuid], true)
  put(ctx, 'Tempo', [netuid], tempo)
  put(ctx, 'MaxAllowedUids', [netuid], maxUids)
  put(ctx, 'MaxAllowedValidators', [netuid], 64)
  put(ctx, 'MinAllowedWeights', [netuid], 1)
  put(ctx, 'ImmunityPeriod', [netuid], 5000)
  put(ctx, 'Yuma3On', [netuid], true)
  put(ctx, 'Burn', [netuid], RAO)
  put(ctx, 'SubtokenEnabled', [netuid], true)
  put(ctx, 'FirstEmissionBlockNumber', [netuid], 1n)
  put(ctx, 'CommitRevealWeightsEnabled', [netuid], commitReveal)
  put(ctx, 'SubnetOwner', [netuid], ACCOUNTS['//Owner'])
  put(ctx, 'SubnetOwnerHotkey', [netuid], ACCOUNTS['//Owner'])
  const { '//Owner': owner, ...others } = ACCOUNTS
  for (const account of [owner, ...(registered ? Object.values(others) : [])].slice(0, maxUids)) {
    associate(ctx, account, account)
    appendNeuron(ctx, netuid, account)
  }
}

function addRoot(ctx: Context): void {
  put(ctx, 'NetworksAdded', [ROOT], true)
  put(ctx, 'Tempo', [ROOT], 100)
  put(ctx, 'MaxAllowedUids', [ROOT], 64)
  put(ctx, 'NetworkRegistrationAllowed', [ROOT], true)
}
