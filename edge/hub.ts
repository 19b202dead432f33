import { DurableObject } from 'cloudflare:workers'
import { makeCtx, newTrace } from './ctx.ts'
import type { Env } from './env.ts'
import { advance } from './verbs/advance.ts'

/** Longer than the clock window of a signature, so a nonce outlives its chance to be replayed. */
const NONCE_KEPT_MS = 60_000
const REPLACED = 4001
/** After a look that failed, such as with the database away. */
const LOOK_AGAIN_MS = 5_000

/**
 * One shard of agents: their wake sockets (hibernating), the nonces they used, and the deadlines of placements made on them.
 * It holds no truth: losing it costs a retry, never a rental.
 */
export class Hub extends DurableObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS nonces (hotkey TEXT, nonce TEXT, at INTEGER, PRIMARY KEY (hotkey, nonce)) WITHOUT ROWID')
    state.storage.sql.exec('CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at)')
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS deadlines (allocation TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID')
  }

  /** True when this nonce is new; it is kept then. Call only after the signature held. */
  admit(hotkey: string, nonce: string): boolean {
    const now = Date.now()
    this.ctx.storage.sql.exec('DELETE FROM nonces WHERE at < ?', now - NONCE_KEPT_MS)
    return this.ctx.storage.sql.exec('INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)', hotkey, nonce, now).rowsWritten > 0
  }

  /** Takes an agent's wake socket. Only the Worker calls this, after it verified the upgrade; it passes the hotkey in a header of its own. */
  override async fetch(request: Request): Promise<Response> {
    const hotkey = request.headers.get('x-verified-hotkey')
    if (!hotkey) return new Response(null, { status: 400 })
    for (const old of this.ctx.getWebSockets(hotkey)) old.close(REPLACED, 'replaced')
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, [hotkey])
    return new Response(null, { status: 101, webSocket: client })
  }

  /** Tells an agent to sync now. @returns how many sockets heard it */
  wake(hotkey: string): number {
    // A replaced socket whose peer is dead stays listed until its close is answered, and throws when written to.
    const open = this.ctx.getWebSockets(hotkey).filter((socket) => socket.readyState === WebSocket.OPEN)
    for (const socket of open) socket.send('go')
    return open.length
  }

  /** Looks at an allocation's placement at this time (ms), unless an earlier look is due. */
  async lookAt(allocation: string, at: number): Promise<void> {
    this.ctx.storage.sql.exec('INSERT INTO deadlines VALUES (?, ?) ON CONFLICT (allocation) DO UPDATE SET at = min(at, excluded.at)', allocation, at)
    await this.rearm()
  }

  override async alarm(): Promise<void> {
    const due = this.ctx.storage.sql.exec<{ allocation: string }>('SELECT allocation FROM deadlines WHERE at <= ? ORDER BY at LIMIT 50', Date.now()).toArray()
    const context = await makeCtx(this.env, this.ctx, newTrace())
    for (const { allocation } of due) {
      const next = await advance(context, { allocation }).catch((e: unknown) => {
        context.log.error('look_failed', { allocation, error: String(e) })
        return Date.now() + LOOK_AGAIN_MS
      })
      if (next === null) this.ctx.storage.sql.exec('DELETE FROM deadlines WHERE allocation = ?', allocation)
      else this.ctx.storage.sql.exec('UPDATE deadlines SET at = ? WHERE allocation = ?', next, allocation)
    }
    await this.rearm()
  }

  private async rearm(): Promise<void> {
    const [first] = this.ctx.storage.sql.exec<{ at: number | null }>('SELECT min(at) AS at FROM deadlines').toArray()
    if (first?.at != null) await this.ctx.storage.setAlarm(first.at)
  }
}
