import { makeId } from '../schema/ids.ts'
import { Problem } from '../schema/problem.ts'
import { config, type Config, type Env } from './env.ts'
import type { Feed } from './feed.ts'
import type { Hub } from './hub.ts'
import { logger, type Log } from './log.ts'
import { openDb, type Db } from './store/db.ts'

const HUB_SHARDS = 16

/** Everything a verb may touch. One a request: the database client must not be shared between requests. */
export type Ctx = {
  db: Db
  config: Config
  trace: string
  log: Log
  now(): number
  newId(prefix: string): string
  /** The Hub shard of a hotkey: its wake socket, its nonces, deadlines of what it was given. */
  hub(hotkey: string): DurableObjectStub<Hub>
  /** The name of that shard, and all there are. */
  shardOf(hotkey: string): string
  shards(): { name: string; hub: DurableObjectStub<Hub> }[]
  /** The Feed of a holder: who waits for its allocations, how often its keys called. */
  feed(holder: string): DurableObjectStub<Feed>
  /** Work that may outlive the answer; a failure is logged. */
  defer(what: string, work: Promise<unknown>): void
}

/** Awaits a Durable Object. One that cannot be reached, as in every deploy, is `unavailable`: try again. */
export async function reached<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (e) {
    throw new Problem('unavailable', undefined, {}, e)
  }
}

type Life = { waitUntil(p: Promise<unknown>): void }

export async function makeCtx(env: Env, life: Life, trace: string): Promise<Ctx> {
  const settings = await config(env)
  const log = logger({ trace })
  return {
    db: openDb(settings.DATABASE_URL, settings.DATABASE_TOKEN),
    config: settings,
    trace,
    log,
    now: () => Date.now(),
    newId: (prefix) => makeId(prefix, Date.now(), crypto.getRandomValues(new Uint8Array(10))),
    hub: (hotkey) => env.HUB.getByName(shardOf(hotkey)),
    shardOf,
    shards: () => Array.from({ length: HUB_SHARDS }, (_, i) => `hub-${i}`).map((name) => ({ name, hub: env.HUB.getByName(name) })),
    feed: (holder) => env.FEED.getByName(holder),
    defer: (what, work) => life.waitUntil(work.catch((e: unknown) => log.error('deferred_failed', { what, error: String(e) }))),
  }
}

/** The same hotkey always lives in the same shard. */
function shardOf(hotkey: string): string {
  let h = 0
  for (let i = 0; i < hotkey.length; i++) h = (Math.imul(h, 31) + hotkey.charCodeAt(i)) >>> 0
  return `hub-${h % HUB_SHARDS}`
}

/** 32 hex digits. */
export function newTrace(): string {
  return crypto.randomUUID().replaceAll('-', '')
}
