import { onTestFinished } from 'vitest'
import { type RunningChain, startChain, type StartOptions } from '../../local/chain/start.ts'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import type { Limits } from '../../node-agents/core/chain/limits.ts'
import { type Hotkey, hotkeyFromSeed } from '../../node-agents/core/hotkey.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Chain } from '../../node-agents/core/ports.ts'

export const NETUID = 27
/** Limits for tests: what is dead is noticed at once, and the machine may be slow. */
export const QUICK: Partial<Limits> = { connectMs: 5000, dialMs: 20_000, callMs: 5000, waitMs: 10_000, stallMs: 60_000, backoffMs: [10, 50], lastedMs: 60_000 }

/** A subnet of its own that takes weights in the open, gone when the test is. */
export async function ownChain(options: Partial<StartOptions> = {}): Promise<RunningChain> {
  const chain = await startChain({ blockMs: 'instant', commitReveal: false, ...options })
  onTestFinished(() => chain.close())
  return chain
}

/** The port on these endpoints, running until the test is over. `stop` ends it before. */
export function agentOn(endpoints: string[], limits: Partial<Limits> = {}, genesis: string | null = null): Chain & { stop: () => Promise<void> } {
  const chain = connectChain({ endpoints, genesis, log: makeLog('silent', 'test'), limits: { ...QUICK, ...limits } })
  const end = new AbortController()
  const running = chain.run(end.signal)
  const stop = async () => {
    end.abort()
    await running
  }
  onTestFinished(stop)
  return Object.assign(chain, { stop })
}

/** A development account by its name, such as "Alice". Seeds: sr25519 of the usual development phrase with the path //NAME. */
export const DEV: Record<'Alice' | 'Bob', Hotkey> = {
  Alice: hotkeyFromSeed(Buffer.from('e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a', 'hex')),
  Bob: hotkeyFromSeed(Buffer.from('398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89', 'hex')),
}
