import type { Status } from '../chain/pool.ts'
import { RpcError } from '../chain/errors.ts'
import { decodeAddress } from '@polkadot/util-crypto'
import { toHex } from '../scale/bytes.ts'
import { callRuntime } from './calls.ts'
import { blockAt, changes, headerOf, keysPaged, type Node } from './node.ts'
import { bytes, hash, list, number, type Params, text } from './params.ts'
import type { Subscription, Subscriptions } from './subscriptions.ts'

export type Method = (params: Params, subscriptions: Subscriptions) => unknown

/** The JSON-RPC of a node, by method. */
export function nodeMethods(node: Node): Record<string, Method> {
  return { ...chainMethods(node), ...stateMethods(node), ...authorMethods(node), ...systemMethods(node), ...UNSUBSCRIBE }
}

const unsubscribe: Method = (params, subscriptions) => subscriptions.close(params.required(0, text))

const UNSUBSCRIBE: Record<string, Method> = {
  chain_unsubscribeNewHead: unsubscribe,
  chain_unsubscribeNewHeads: unsubscribe,
  chain_unsubscribeAllHeads: unsubscribe,
  chain_unsubscribeFinalizedHeads: unsubscribe,
  chain_unsubscribeFinalisedHeads: unsubscribe,
  state_unsubscribeRuntimeVersion: unsubscribe,
  chain_unsubscribeRuntimeVersion: unsubscribe,
  state_unsubscribeStorage: unsubscribe,
  author_unwatchExtrinsic: unsubscribe,
}

function chainMethods(node: Node): Record<string, Method> {
  const { chain, lie } = node
  const hashOf = (at: number | null) => (at === null ? lie.head(chain.head).hash : at > chain.head.number ? null : chain.hashAt(at))
  const getBlockHash: Method = (params) => {
    const many = params.optional(0, (value) => (Array.isArray(value) ? value.map(number) : null))
    return many ? many.map(hashOf) : hashOf(params.optional(0, number))
  }
  const getBlock: Method = (params) => {
    const at = params.optional(0, hash)
    const block = at === null ? chain.head : chain.block(lie.truth(at))
    return block ? { block: { header: block.header, extrinsics: block.extrinsics }, justifications: null } : null
  }
  const getFinalizedHead: Method = () => chain.finalized.hash
  const heads: Method = (_params, subscriptions) => follow(subscriptions, subscriptions.open('newHead'), () => lie.head(chain.head).header)
  const allHeads: Method = (_params, subscriptions) => follow(subscriptions, subscriptions.open('allHead'), () => lie.head(chain.head).header)
  const finalized: Method = (_params, subscriptions) => follow(subscriptions, subscriptions.open('finalizedHead'), () => chain.finalized.header)
  return {
    chain_getBlockHash: getBlockHash,
    chain_getHead: getBlockHash,
    chain_getHeader: (params) => headerOf(node, params.optional(0, hash)),
    chain_getBlock: getBlock,
    chain_getFinalizedHead: getFinalizedHead,
    chain_getFinalisedHead: getFinalizedHead,
    // Clients know the methods under both names, and offer only what a node lists.
    chain_subscribeNewHead: heads,
    chain_subscribeNewHeads: heads,
    chain_subscribeAllHeads: allHeads,
    chain_subscribeFinalizedHeads: finalized,
    chain_subscribeFinalisedHeads: finalized,
  }
}

function follow(subscriptions: Subscriptions, subscription: Subscription, first: () => unknown): string {
  subscriptions.pushLater(subscription, first)
  return subscription.id
}

function stateMethods(node: Node): Record<string, Method> {
  const { chain } = node
  const runtimeVersion: Method = (params) => blockAt(node, params.optional(0, hash)).runtime.version.json
  const keys: Method = (params) =>
    keysPaged(node, blockAt(node, params.optional(3, hash)), params.optional(0, bytes) ?? '0x', params.required(1, number), params.optional(2, bytes))
  const call: Method = (params) => callRuntime(chain, params.required(0, text), params.required(1, bytes), blockAt(node, params.optional(2, hash)))
  const storage: Method = (params) => chain.stateAt(blockAt(node, params.optional(1, hash))).hex(params.required(0, bytes))
  const versions: Method = (_params, subscriptions) => follow(subscriptions, subscriptions.open('runtimeVersion'), () => chain.head.runtime.version.json)
  return {
    state_getRuntimeVersion: runtimeVersion,
    chain_getRuntimeVersion: runtimeVersion,
    state_subscribeRuntimeVersion: versions,
    chain_subscribeRuntimeVersion: versions,
    state_getMetadata: (params) => toHex(blockAt(node, params.optional(0, hash)).runtime.metadata(14)),
    state_call: call,
    state_callAt: call,
    state_getStorage: storage,
    state_getStorageAt: storage,
    state_getStorageSize: (params) => {
      const hex = chain.stateAt(blockAt(node, params.optional(1, hash))).hex(params.required(0, bytes))
      return hex === null ? null : hex.length / 2 - 1
    },
    state_queryStorageAt: (params) => [changes(node, blockAt(node, params.optional(1, hash)), params.required(0, list(bytes)))],
    state_getKeysPaged: keys,
    state_getKeysPagedAt: keys,
    state_subscribeStorage: (params, subscriptions) => {
      const wanted = params.required(0, list(bytes))
      return follow(subscriptions, subscriptions.open('storage', wanted), () => changes(node, chain.head, wanted))
    },
  }
}

function authorMethods({ chain, author }: Node): Record<string, Method> {
  return {
    author_submitExtrinsic: (params) => {
      const submitted = chain.pool.submit(params.required(0, bytes))
      author.wanted()
      return submitted
    },
    author_submitAndWatchExtrinsic: (params, subscriptions) => {
      const early: Status[] = []
      let subscription: Subscription | null = null
      const push = (to: Subscription, status: Status) => {
        subscriptions.push(to, status)
        if (isLast(status)) subscriptions.close(to.id)
      }
      const tell = (status: Status) => {
        if (subscription) push(subscription, status)
        else early.push(status)
      }
      chain.pool.submit(params.required(0, bytes), tell) // throws before there is a subscription
      const open = subscriptions.open('extrinsic')
      setImmediate(() => {
        for (const status of early) push(open, status)
        subscription = open
        author.wanted()
      })
      return open.id
    },
    author_pendingExtrinsics: () => chain.pool.ready().map(({ extrinsic }) => extrinsic.hex),
  }
}

/** Nothing follows it: a node ends the subscription. */
function isLast(status: Status): boolean {
  return status === 'invalid' || status === 'dropped' || (typeof status === 'object' && ('finalized' in status || 'usurped' in status))
}

function systemMethods({ chain }: Node): Record<string, Method> {
  const nextIndex: Method = (params) => chain.pool.nextIndex(params.required(0, account))
  return {
    system_accountNextIndex: nextIndex,
    account_nextIndex: nextIndex,
    system_chain: () => 'Development',
    system_chainType: () => 'Development',
    system_name: () => 'Subtensor Node',
    system_version: () => '4.0.0-dev-development',
    system_properties: () => ({ isEthereum: false, ss58Format: 42, tokenDecimals: 9, tokenSymbol: 'TAO' }),
    system_health: () => ({ peers: 1, isSyncing: false, shouldHavePeers: true }),
    system_syncState: () => ({ startingBlock: 0, currentBlock: chain.head.number, highestBlock: chain.head.number }),
    system_localPeerId: () => '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
    system_nodeRoles: () => ['Full'],
  }
}

/** The 0x key of an ss58 address. */
function account(value: unknown): string {
  try {
    return toHex(decodeAddress(text(value)))
  } catch (error) {
    throw RpcError.params(String(error))
  }
}
