import { reason } from '../../core/mistake.ts'
import { type Clock, type Shell, ShellError, type SshDoor } from '../../core/ports.ts'
import type { Store } from '../store/types.ts'
import { NotProved } from './not-proved.ts'

const GREETINGS = 3
const EACH_MS = 10_000

export type LivenessDeps = { shell: Pick<Shell, 'greet'>; store: Pick<Store, 'keepChallenge'>; clock: Clock }

/** One key exchange: how long it took, or why there was none. */
export type Greeting = { elapsedMs: number; failure: ShellError | null }

/**
 * The liveness challenge: the host key signs what nobody could know before, under a deadline. What is seen is returned for the record, and
 * not kept yet: where this machine itself turns out to be cut off, it says nothing of the miner. Rejects only with the signal's reason.
 */
export async function greetings(door: SshDoor, { shell, clock }: Pick<LivenessDeps, 'shell' | 'clock'>, signal: AbortSignal): Promise<Greeting[]> {
  const seen: Greeting[] = []
  for (let i = 0; i < GREETINGS; i++) {
    const from = clock.monotonicMs()
    try {
      seen.push({ elapsedMs: await shell.greet(door, EACH_MS, signal), failure: null })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ShellError)) throw error
      seen.push({ elapsedMs: Math.min(EACH_MS, clock.monotonicMs() - from), failure: error })
    }
  }
  return seen
}

/** @throws NotProved when none of them succeeded */
export function checkAlive(seen: readonly Greeting[]): void {
  const failures = seen.flatMap(({ failure }) => failure ?? [])
  const last = failures.at(-1)
  if (!last || failures.length < seen.length) return
  throw new NotProved(`its SSH server did not show its host key in ${seen.length} tries: ${reason(last)}`, {
    unreachable: last.code !== 'wrong_host_key',
    cause: last,
  })
}

/** Keeps what was seen with the miner's record. */
export async function keepGreetings(hotkey: string, seen: readonly Greeting[], { store, clock }: Pick<LivenessDeps, 'store' | 'clock'>): Promise<void> {
  for (const { elapsedMs, failure } of seen) await store.keepChallenge({ hotkey, success: failure === null, elapsedMs, at: clock.wallMs() })
}
