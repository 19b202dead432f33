import { once } from 'node:events'
import { WebSocket } from 'ws'
import { decodeHotkey } from '../../schema/index.ts'
import { toHex } from './scale/bytes.ts'
import type { Value } from './types.ts'

export type BlockName = { hash: string; number: number }

/**
 * What tests may do to a development chain, in this process or another. Accounts are ss58 or 0x-hex, balances rao. What is written is part
 * of the next block: at pace 'manual' after `newBlocks`. Every call is a connection of its own, which no fault cuts or silences.
 */
export class ChainControl {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Makes blocks at once, at any pace. Gives the last one. Finality does not follow. */
  newBlocks(count = 1): Promise<BlockName> {
    return this.call('newBlocks', { count })
  }

  /** Makes everything up to the head, or up to a number, final. Gives the last final block. */
  finalize(number?: number): Promise<BlockName> {
    return this.call('finalize', number === undefined ? {} : { number })
  }

  /** New blocks, all of them final. */
  async advance(count = 1): Promise<BlockName> {
    await this.newBlocks(count)
    return await this.finalize()
  }

  /** Replaces the last blocks (none of them final) by as many and one more. Gives the new ones. */
  reorg(depth = 1): Promise<BlockName[]> {
    return this.call('reorg', { depth })
  }

  /**
   * The next runtime: spec version + 1, every index of pallets, calls, events and errors moved. Takes a block, which is given. A client that
   * stays connected asks for metadata 14 then, and so loses what it knew of runtime APIs: that is the client's way with any node.
   */
  upgrade(): Promise<BlockName> {
    return this.call('upgrade', {})
  }

  /** Writes storage, such as set('SubtensorModule.Tempo', [27], 10). Wide integers may be bigint or decimal text. */
  set(item: string, keys: Value[], value: Value): Promise<null> {
    return this.call('set', { item, keys, value })
  }

  remove(item: string, keys: Value[]): Promise<null> {
    return this.call('remove', { item, keys })
  }

  /** Reads storage as the next block will find it; wide integers come as decimal text. */
  get<T = unknown>(item: string, ...keys: Value[]): Promise<T> {
    return this.call('get', { item, keys })
  }

  /** Adds free balance, rao. */
  fund(account: string, rao: bigint): Promise<null> {
    return this.call('fund', { account: publicKey(account), rao })
  }

  /** Sets the stake of a registered hotkey on a subnet, rao of alpha. */
  stake(hotkey: string, netuid: number, rao: bigint): Promise<null> {
    return this.call('stake', { hotkey: publicKey(hotkey), netuid, rao })
  }

  /** Sets a hyperparameter by its storage name, such as "Tempo". */
  hyperparameter(netuid: number, name: string, value: Value): Promise<null> {
    return this.call('hyperparameter', { netuid, name, value })
  }

  /** Registers without burning. Gives the uid. */
  register(netuid: number, hotkey: string, coldkey: string): Promise<number> {
    return this.call('register', { netuid, hotkey: publicKey(hotkey), coldkey: publicKey(coldkey) })
  }

  /** So many more neurons of made-up keys, with axons, stakes and some permits. Gives how many there are then. */
  populate(netuid: number, n: number): Promise<number> {
    return this.call('populate', { netuid, n })
  }

  /** By uid or hotkey: somebody else's key takes the place, as when a subnet is full. */
  deregister(netuid: number, who: number | string): Promise<null> {
    return this.call('deregister', { netuid, ...(typeof who === 'number' ? { uid: who } : { hotkey: publicKey(who) }) })
  }

  /** Gives or takes a validator's permit until the next epoch. */
  permit(netuid: number, uid: number, on: boolean): Promise<null> {
    return this.call('permit', { netuid, uid, on })
  }

  /** No new heads by time, no finality, or no answers to anybody; what is left out stays as it is. */
  stall(what: { heads?: boolean; finality?: boolean; answers?: boolean }): Promise<null> {
    return this.call('stall', what)
  }

  /** Ends every stall and lie. */
  async resume(): Promise<void> {
    await this.lie({ headBy: 0 })
    await this.stall({ heads: false, finality: false, answers: false })
  }

  /** Cuts every connection. */
  drop(): Promise<null> {
    return this.call('drop', {})
  }

  /** Says a head that is so many blocks ahead of (or, negative, behind) the real one. */
  lie(what: { headBy: number }): Promise<null> {
    return this.call('lie', what)
  }

  /** The pool refuses the next transactions with this error, such as { code: 1010, message: 'Invalid Transaction', data: 'Custom error: 6' }. */
  reject(error: { code: number; message: string; data?: string }, times = 1): Promise<null> {
    return this.call('reject', { ...error, times })
  }

  /** Any "dev_<name>". Throws what the chain answers. */
  async call<T>(name: string, params: Record<string, unknown>): Promise<T> {
    const socket = new WebSocket(this.#url)
    try {
      await once(socket, 'open')
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: `dev_${name}`, params: [params] }, wideAsText))
      const [data] = await once(socket, 'message')
      const reply = JSON.parse(String(data)) as { result: T } | { error: { message: string; data?: string } }
      if ('error' in reply) throw new Error(`dev_${name}: ${reply.error.message} ${reply.error.data ?? ''}`.trim())
      return reply.result
    } finally {
      socket.terminate()
    }
  }
}

function wideAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

/** 0x-hex of an account given either way. */
function publicKey(account: string): string {
  if (account.startsWith('0x')) return account
  const key = decodeHotkey(account)
  if (!key) throw new TypeError(`${JSON.stringify(account)} is no ss58 address`)
  return toHex(key)
}
