import type { Hotkey } from '../hotkey.ts'
import { reason } from '../mistake.ts'
import type { Chain } from '../ports.ts'
import { ChainError } from './errors.ts'
import { ipToChain } from './ip.ts'
import type { Served } from './types.ts'

/** What stands on chain about this host. */
export const KINDS = ['axon', 'prometheus'] as const
export type Kind = (typeof KINDS)[number]

export type Announcement = Pick<Served, 'port' | 'version'> & { ip: string }

/** The last call, whether it did or not: the block it was made at, and how many failed since the last that did. */
export type Tried = { block: number; failures: number }

export type Ground = {
  wanted: Announcement
  onChain: Served | null
  /** Best block now. */
  head: number
  /** Blocks the chain wants between two calls. */
  rateLimit: number
  lastTry: Tried | null
}

export type Decision =
  | { do: 'nothing' }
  | { do: 'serve' }
  | { do: 'wait'; /** Block. */ until: number }
  /** The chain would never take it. */
  | { do: 'refuse'; reason: string }

/** An hour of twelve-second blocks. */
const LONGEST_WAIT = 300

/** Whether to announce this host now. Pure. The chain takes the first call at any time, and each further one after its rate limit. */
export function serveDecision({ wanted, onChain, head, rateLimit, lastTry }: Ground): Decision {
  const refusal = refusalOf(wanted.ip)
  if (refusal !== null) return { do: 'refuse', reason: refusal }
  if (onChain && isServed(wanted, onChain)) return { do: 'nothing' }
  const allowed = onChain ? onChain.block + rateLimit : 0
  // Also after a call that did: an endpoint that is behind does not show it yet.
  const patient = lastTry ? lastTry.block + Math.min(2 ** lastTry.failures, LONGEST_WAIT) : 0
  const until = Math.max(allowed, patient)
  return head >= until ? { do: 'serve' } : { do: 'wait', until }
}

/** Whether the chain shows just this. */
export function isServed({ ip, port, version }: Announcement, onChain: Served): boolean {
  return onChain.port === port && onChain.version === version && onChain.ip !== null && sameIp(ip, onChain.ip)
}

function sameIp(a: string, b: string): boolean {
  return a === b || (refusalOf(a) === null && refusalOf(b) === null && ipToChain(a).ip === ipToChain(b).ip)
}

/** Why the chain takes no such address; null: it does. */
export function refusalOf(ip: string): string | null {
  try {
    ipToChain(ip)
    return null
  } catch (error) {
    return reason(error)
  }
}

type Serving = Pick<Chain, 'serveAxon' | 'servePrometheus' | 'axon' | 'prometheus'>

/** Announces, and looks whether the chain shows it: what it shows. Rejects with a `ChainError`. */
export async function serveAndRead(chain: Serving, kind: Kind, by: Hotkey, call: Announcement & { netuid: number }): Promise<Served> {
  const { block } = await (kind === 'axon' ? chain.serveAxon(by, call) : chain.servePrometheus(by, call))
  const shown = await chain[kind](call.netuid, by.address, block.hash)
  if (shown && isServed(call, shown)) return shown
  const instead = shown ? `${shown.ip ?? 'nothing'}:${shown.port}, version ${shown.version}` : 'nothing'
  throw new ChainError('NotShown', 'dispatch', `The chain took it in block ${block.number} and shows ${instead} there: it is tried again by itself`, true)
}
