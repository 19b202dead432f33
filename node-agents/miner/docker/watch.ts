import { setTimeout as sleep } from 'node:timers/promises'
import type { Owner } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import { ofOwner } from './labels.ts'

/** Events that can change what `list` says. Commands run inside are not among them. */
const EVENTS = ['create', 'start', 'die', 'stop', 'oom', 'pause', 'unpause', 'destroy']

const BACK_OFF_MS = { first: 250, most: 15_000 }

/** Calls back for each event until the stream ends; resolves whether it was ever open. */
async function follow(engine: Engine, owner: Owner, onChange: () => void, signal: AbortSignal): Promise<boolean> {
  let open = false
  try {
    const events = await engine.events({ type: ['container'], label: ofOwner(owner), event: EVENTS }, signal)
    open = true
    // What happened before the stream stood is seen by a full list only.
    onChange()
    for await (const _ of events) onChange()
  } catch {
    // Any end of the stream means the same: look once, connect again. `list` then meets the cause and names it.
  }
  return open
}

/** Follows the engine's events, over its restarts too. Events only make `list` sooner. Returns when aborted. */
export async function watch(engine: Engine, owner: Owner, onChange: () => void, signal: AbortSignal): Promise<void> {
  for (let delay = BACK_OFF_MS.first; !signal.aborted; delay = Math.min(delay * 2, BACK_OFF_MS.most)) {
    if (await follow(engine, owner, onChange, signal)) delay = BACK_OFF_MS.first
    if (signal.aborted) return
    onChange()
    await sleep(delay, undefined, { signal }).catch(() => undefined)
  }
}
