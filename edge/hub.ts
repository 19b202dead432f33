import { DurableObject } from 'cloudflare:workers'
import { makeCtx, newTrace, type Ctx } from './ctx.ts'
import type { Env } from './env.ts'
import { Heard, type Order, type Ordered } from './hub/heard.ts'
import { look, type Sockets } from './hub/look.ts'
import { Rate, TAKEOVERS_PER_MINUTE } from './hub/rate.ts'
import type { Seen } from './store/liveness.ts'
import { advance } from './verbs/advance.ts'

/** Longer than the clock window of a signature, so a nonce outlives its chance to be replayed. */
const NONCE_KEPT_MS = 60_000
const REPLACED = 4001
/** After a look that failed, such as with the database away. */
const LOOK_AGAIN_MS = 5_000

/** `waitS`: seconds until the hotkey may ask again; 0 when it is within its rate. */
export type Admission = { replayed: boolean; waitS: number }

/** What a shard says of itself. `looked_at` (ms): its last look that the database was told of; 0: none yet. */
export type Pulse = { looked_at: number; watched: number; sockets: number; online: number; suspect: number; unreachable: number }

/**
 * One shard of agents: their wake sockets (hibernating), the nonces they used, when each was heard, and the deadlines of
 * placements made on them. It holds no truth: losing it costs a retry, never a rental.
 */
export class Hub extends DurableObject<Env> {
  readonly #heard: Heard
  readonly #rate = new Rate()

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS nonces (hotkey TEXT, nonce TEXT, at INTEGER, PRIMARY KEY (hotkey, nonce)) WITHOUT ROWID')
    state.storage.sql.exec('CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at)')
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS deadlines (allocation TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID')
    this.#heard = new Heard(state.storage.sql)
  }

  /** Takes a signed request: its nonce is new and kept. Call only after the signature held. @param perMinute how many such requests it may make */
  admit(hotkey: string, nonce: string, perMinute: number): Admission {
    const now = Date.now()
    const waitS = this.#rate.count(`${perMinute} ${hotkey}`, perMinute, now)
    if (waitS > 0) return { replayed: false, waitS }
    this.ctx.storage.sql.exec('DELETE FROM nonces WHERE at < ?', now - NONCE_KEPT_MS)
    const fresh = this.ctx.storage.sql.exec('INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)', hotkey, nonce, now).rowsWritten > 0
    return { replayed: !fresh, waitS }
  }

  /** This install of a miner is there, though it has no report that could be taken. Another one than the bound one says nothing about it. */
  async alive(hotkey: string, install: string): Promise<void> {
    if (!this.#heard.isBound(hotkey, install)) return
    this.#heard.hear(hotkey, Date.now())
    await this.#arm()
  }

  /** Counts a takeover. @returns seconds until the hotkey may ask again; 0 when it may now */
  countTakeover(hotkey: string): number {
    return this.#rate.count(`takeover ${hotkey}`, TAKEOVERS_PER_MINUTE, Date.now())
  }

  /** Puts a report in the order of its install, those that write nothing to the database too. */
  async order(hotkey: string, order: Order): Promise<Ordered> {
    // The install that spoke before must not keep the new one alive by its pings.
    if (order.adopt && !this.#heard.isBound(hotkey, order.install)) this.#drop(hotkey)
    const ordered = this.#heard.order(hotkey, order, Date.now())
    await this.#arm()
    return ordered
  }

  /** How the shard is. @param miners what the database says of some: it is compared with what was heard */
  async pulse(miners: Seen[] = []): Promise<Pulse> {
    this.#heard.compare(miners, Date.now())
    await this.#arm()
    const { lookedAt, ...counts } = this.#heard.state()
    return { looked_at: lookedAt, sockets: this.ctx.getWebSockets().length, ...counts }
  }

  /**
   * Takes an agent's wake socket; 409 for an install that does not speak for its hotkey. Only the Worker calls this, after it verified
   * the upgrade; it passes hotkey and install in headers of its own.
   */
  override async fetch(request: Request): Promise<Response> {
    const hotkey = request.headers.get('x-verified-hotkey')
    if (!hotkey) return new Response(null, { status: 400 })
    const install = request.headers.get('x-install')
    if (install !== null && !this.#heard.isBound(hotkey, install)) return new Response(null, { status: 409 })
    this.#drop(hotkey)
    this.#heard.hear(hotkey, Date.now())
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, [hotkey])
    this.#heard.link(hotkey, true)
    await this.#arm()
    return new Response(null, { status: 101, webSocket: client })
  }

  override webSocketClose(socket: WebSocket): void {
    this.#farewell(socket)
  }

  override webSocketError(socket: WebSocket): void {
    this.#farewell(socket)
  }

  /** Tells an agent to sync now. @returns how many sockets heard it */
  wake(hotkey: string): number {
    const open = this.#open(hotkey)
    for (const socket of open) socket.send('go')
    return open.length
  }

  /** Looks at an allocation's placement at this time (ms), unless an earlier look is due. */
  async lookAt(allocation: string, at: number): Promise<void> {
    this.ctx.storage.sql.exec('INSERT INTO deadlines VALUES (?, ?) ON CONFLICT (allocation) DO UPDATE SET at = min(at, excluded.at)', allocation, at)
    await this.#arm()
  }

  override async alarm(): Promise<void> {
    const context = await makeCtx(this.env, this.ctx, newTrace())
    try {
      await this.#lookAtMiners(context)
      await this.#lookAtPlacements(context)
    } finally {
      await this.#arm()
    }
  }

  async #lookAtMiners(context: Ctx): Promise<void> {
    const due = this.#heard.nextLook(0)
    if (due === null || due > Date.now()) return
    await look(context, this.#heard, this.#sockets(), this.env.VERSION?.id ?? '').catch((e: unknown) =>
      context.log.error('liveness_untold', { shard: this.ctx.id.name ?? '', error: String(e) }),
    )
  }

  async #lookAtPlacements(context: Ctx): Promise<void> {
    const due = this.ctx.storage.sql.exec<{ allocation: string }>('SELECT allocation FROM deadlines WHERE at <= ? ORDER BY at LIMIT 50', Date.now()).toArray()
    for (const { allocation } of due) {
      const next = await advance(context, { allocation }).catch((e: unknown) => {
        context.log.error('look_failed', { allocation, error: String(e) })
        return Date.now() + LOOK_AGAIN_MS
      })
      if (next === null) this.ctx.storage.sql.exec('DELETE FROM deadlines WHERE allocation = ?', allocation)
      else this.ctx.storage.sql.exec('UPDATE deadlines SET at = ? WHERE allocation = ?', next, allocation)
    }
  }

  #drop(hotkey: string): void {
    for (const old of this.ctx.getWebSockets(hotkey)) old.close(REPLACED, 'replaced')
  }

  /** A replaced socket whose peer is dead stays listed until its close is answered, and throws when written to. */
  #open(hotkey?: string): WebSocket[] {
    return this.ctx.getWebSockets(hotkey).filter((socket) => socket.readyState === WebSocket.OPEN)
  }

  #sockets(): Sockets {
    const pings = new Map<string, number | null>()
    for (const socket of this.#open()) {
      const ping = this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null
      for (const hotkey of this.ctx.getTags(socket)) pings.set(hotkey, Math.max(ping ?? 0, pings.get(hotkey) ?? 0) || null)
    }
    return pings
  }

  /** The pings of a socket go with it, so the last one is kept. */
  #farewell(socket: WebSocket): void {
    const ping = this.ctx.getWebSocketAutoResponseTimestamp(socket)
    for (const hotkey of this.ctx.getTags(socket)) {
      if (ping) this.#heard.hear(hotkey, ping.getTime())
      if (this.#open(hotkey).every((other) => other === socket)) this.#heard.link(hotkey, false)
    }
  }

  /** One alarm serves the look at the miners and the deadlines of placements. */
  async #arm(): Promise<void> {
    const [deadline] = this.ctx.storage.sql.exec<{ at: number | null }>('SELECT min(at) AS at FROM deadlines').toArray()
    const times = [deadline?.at ?? null, this.#heard.nextLook(Date.now())].filter((at) => at !== null)
    if (times.length === 0) return
    const next = Math.min(...times)
    const set = await this.ctx.storage.getAlarm()
    if (set === null || set > next) await this.ctx.storage.setAlarm(next)
  }
}
