import type { Log } from '../log.ts'
import { reason } from '../mistake.ts'
import type { Clock } from '../ports.ts'
import type { Codecs } from './codecs.ts'
import { ChainError } from './errors.ts'
import { type Limits, slotMs, stallMs } from './limits.ts'
import { Reader } from './link.ts'
import { bytes } from './plain.ts'
import { lost, Rpc, shown } from './rpc.ts'
import { type Heard, Watch } from './watch.ts'

export type DialOptions = { genesis: string | null; codecs: Codecs; limits: Limits; blockMs: number | null; clock: Clock; log: Log }

/**
 * Connects to one endpoint and asks it out: the right chain, a runtime that can be read, a best block that is of now. Once it resolves,
 * heads have begun to be heard; `rpc.closed` tells the end. Rejects with a ChainError, or an AbortError when told to stop.
 */
export async function dial(url: string, o: DialOptions, heard: Heard, signal: AbortSignal): Promise<Reader> {
  const rpc = await Rpc.open(url, o.limits, signal)
  const onAbort = () => rpc.close(lost(url, 'told to stop'))
  // One that answers each question just in time would never be found out.
  const timer = setTimeout(() => rpc.close(lost(url, `it was not ready within ${o.limits.dialMs / 1000} s`)), o.limits.dialMs)
  signal.addEventListener('abort', onAbort, { once: true })
  void rpc.closed.then(() => signal.removeEventListener('abort', onAbort))
  try {
    const genesis = await rpc.ask('chain_getBlockHash', [0], bytes)
    if (o.genesis !== null && genesis !== o.genesis) throw wrongChain(url, genesis, o.genesis)
    const reader = await Reader.open(rpc, genesis, o.codecs)
    const limits = { ...o.limits, stallMs: o.limits.stallMs ?? stallMs(o.blockMs ?? slotMs(reader)) }
    await new Watch(reader, limits, o.clock, heard).start()
    return reader
  } catch (error) {
    rpc.close(error instanceof ChainError ? error : lost(url, `it could not be asked (${reason(error)})`, error))
    signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function wrongChain(url: string, genesis: string, wanted: string): ChainError {
  const text = `${shown(url)} serves another chain (genesis ${genesis.slice(0, 10)}…, wanted ${wanted.slice(0, 10)}…): correct the endpoint, or --chain`
  return new ChainError('WrongChain', 'connection', text, false)
}
