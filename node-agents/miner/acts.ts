import { fingerprint, type WishRun } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import { awaitBanner } from './banner.ts'
import { keyOf } from './key.ts'
import { endedWith, type Tools, welcome } from './tools.ts'

const ADOPT_MS = 30_000

export async function removeIt(t: Tools, container: Container, again: boolean): Promise<void> {
  await t.driver.remove(t.owner, container)
  t.sight.drop(container)
  if (again) await t.memory.forget(container)
  else await t.memory.ended(container, t.memory.failureOf(container))
}

/** It ended by itself, with its host, or half way through a restart that a crash cut off. */
export async function startAgain(t: Tools, container: Container): Promise<void> {
  await t.driver.start(t.owner, container)
  const asked = t.memory.lives.get(keyOf(container))?.restarting
  t.book.restarted(container, asked ? null : endedWith(container, 'it was started again'), t.clock.monotonicMs())
  t.sight.put({ ...container, state: 'running', exitCode: null })
  if (asked) await t.memory.restarted(container)
}

/**
 * A container from before: it is ready when its SSH server answers, and until then nothing is taken from it. A frozen one cannot
 * answer and was ready once. Where nothing is remembered of it, no restart is owed, and its keys are set once more.
 */
export async function adopt(t: Tools, container: Container, entry: WishRun, signal: AbortSignal): Promise<void> {
  const { clock, probeHost, memory, book } = t
  const alive = () => t.sight.get(container)?.state === 'running'
  const frozen = container.state === 'paused'
  if (frozen || (await awaitBanner(clock, { host: probeHost, port: container.port, withinMs: ADOPT_MS, alive }, signal))) {
    if (!memory.isMade(container)) await memory.made(container, { restart_n: entry.restart_n, keys_n: Math.max(0, entry.keys_n - 1) })
    welcome(t, container)
  } else if (alive()) {
    book.write(container, { failure: { code: 'not_answering', message: 'the container runs, but no SSH server answers in it' } })
  }
}

export async function freeze(t: Tools, container: Container): Promise<void> {
  await t.driver.pause(t.owner, container)
  t.sight.put({ ...container, state: 'paused' })
}

export async function thaw(t: Tools, container: Container): Promise<void> {
  await t.driver.unpause(t.owner, container)
  t.sight.put({ ...container, state: 'running' })
}

/**
 * Stops and starts it, once for every number asked for: the count stands on disk before the act. A crash in between leaves it running as it was, or ended,
 * and then it is started like any other; a failure is told, and tried again while this process lives. Two restarts asked for at once are one.
 */
export async function restart(t: Tools, container: Container, entry: WishRun, signal: AbortSignal): Promise<void> {
  const { driver, owner, memory, book, sight } = t
  const owed = book.notes.get(keyOf(entry))?.owed ?? memory.lives.get(keyOf(entry))?.restart_n ?? 0
  book.write(container, { phase: 'starting', progress: { stage: 'banner', current: 0, total: null }, owed })
  try {
    await memory.restarting(container, entry.restart_n)
  } catch (error) {
    book.write(container, { owed: null })
    throw error
  }
  t.changed()
  if (!book.notes.get(keyOf(entry))?.stopped) await driver.stop(owner, container)
  book.write(container, { endpoint: null, stopped: true })
  sight.put({ ...container, state: 'exited' })
  await driver.start(owner, container)
  book.write(container, { owed: null, stopped: false, restarts: 0, ended: null })
  sight.put({ ...container, state: 'running', exitCode: null })
  await memory.restarted(container)
  await adopt(t, { ...container, state: 'running' }, entry, signal)
}

/**
 * Replaces the keys, and ends all sessions when one was taken away. May be done twice over a crash, which changes nothing.
 * Sessions of a frozen container end only when it runs for that moment; it is frozen again before anybody is told.
 */
export async function rekey(t: Tools, container: Container, entry: WishRun): Promise<void> {
  const { driver, owner, memory, book, sight } = t
  const keys = entry.ssh_keys.map(fingerprint)
  const known = memory.lives.get(keyOf(entry))?.keys ?? null
  const taken = known === null || known.some((key) => !keys.includes(key))
  await memory.rekeying(container, keys)
  const frozen = container.state === 'paused' && taken
  if (frozen) {
    book.write(container, { phase: 'paused' })
    await driver.unpause(owner, container)
  }
  await driver.rekey(owner, container, entry.ssh_keys, taken)
  if (frozen) {
    const stays = entry.desired === 'pause' || Boolean(book.notes.get(keyOf(entry))?.held)
    if (stays) await driver.pause(owner, container)
    sight.put({ ...container, state: stays ? 'paused' : 'running' })
  }
  await memory.rekeyed(container, entry.keys_n, keys)
}
