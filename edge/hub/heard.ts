import { LIVENESS } from '../../schema/protocol.ts'
import type { Online } from '../../schema/tables/agents.ts'
import type { Seen } from '../store/liveness.ts'
import type { Known } from '../verbs/judge.ts'

/** A shard that did not look for this long saw nothing: silence in that time says nothing about anybody. */
const BLIND_MS = 3 * LIVENESS.watchMs
/** Who is unreachable for so long is no longer looked at; sweep does not bring it back until it speaks. */
const FORGOTTEN_MS = 7 * 24 * 3600_000

/** What a report is in short: `facts` is null when it carries none. `adopt`: the database took it, so its install is the one that counts. */
export type Order = { install: string; seq: number; body: string; facts: string | null; adopt: boolean }

/** `stranger`: of an install not known here; `late`: a newer one was heard; `same`: says what the one before said. */
export type Ordered = 'stranger' | 'late' | 'same' | 'new'

export type Row = Known & { hotkey: string; fresh: boolean | null; linked: boolean }

type Raw = { hotkey: string; since: number; heard_at: number | null; full_at: number | null; online: Online | null; fresh: number | null; linked: number }
type Last = { install: string | null; seq: number | null; body: string | null; facts: string | null }
type Looks = { seen_at: number; told_at: number; version: string; grace_until: number }

/**
 * Who was heard when, and what the database was told of it (`online`, `fresh`; null: unknown), in the shard's own storage.
 * A row costs a write when its miner reports something, never for a ping.
 */
export class Heard {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS heard (hotkey TEXT PRIMARY KEY, since INTEGER NOT NULL, heard_at INTEGER, linked INTEGER NOT NULL DEFAULT 0,
      full_at INTEGER, install TEXT, seq INTEGER, body TEXT, facts TEXT, online TEXT, fresh INTEGER) WITHOUT ROWID`)
    sql.exec('CREATE TABLE IF NOT EXISTS looks (one INTEGER PRIMARY KEY CHECK (one = 1), seen_at INTEGER, told_at INTEGER, version TEXT, grace_until INTEGER)')
  }

  /** A sign of life. */
  hear(hotkey: string, nowMs: number): void {
    this.#sql.exec(
      'INSERT INTO heard (hotkey, since, heard_at) VALUES (?, ?, ?) ON CONFLICT (hotkey) DO UPDATE SET heard_at = max(coalesce(heard_at, 0), excluded.heard_at)',
      hotkey,
      nowMs,
      nowMs,
    )
  }

  /** Whether this install may speak for the hotkey, as far as is known here: nobody knows of a hotkey whose reports were never taken. */
  isBound(hotkey: string, install: string): boolean {
    const [known] = this.#sql.exec<Pick<Last, 'install'>>('SELECT install FROM heard WHERE hotkey = ?', hotkey).toArray()
    return (known?.install ?? install) === install
  }

  /** Whether its socket is open. One that is gone without a word must have been dropped by us: see `look`. */
  link(hotkey: string, linked: boolean): void {
    this.#sql.exec('UPDATE heard SET linked = ? WHERE hotkey = ?', Number(linked), hotkey)
  }

  /** Puts a report in order. What the database will be asked to take may change what it says: it is told anew then. */
  order(hotkey: string, o: Order, nowMs: number): Ordered {
    const [last] = this.#sql.exec<Last>('SELECT install, seq, body, facts FROM heard WHERE hotkey = ?', hotkey).toArray()
    const known = last !== undefined && last.install === o.install
    if (!known && !o.adopt) return 'stranger'
    if (known && !o.adopt && o.seq <= (last.seq ?? 0)) return 'late'
    const same = known && last.body === o.body && (o.facts === null || last.facts === o.facts)
    this.hear(hotkey, nowMs)
    this.#sql.exec(
      `UPDATE heard SET install = ?, seq = ?, body = ?, facts = coalesce(?, facts), full_at = coalesce(?, full_at) ${same ? '' : ', online = NULL, fresh = NULL'} WHERE hotkey = ?`,
      o.install,
      o.seq,
      o.body,
      o.facts,
      o.facts === null ? null : nowMs,
      hotkey,
    )
    return same ? 'same' : 'new'
  }

  /** What the database says of these miners: those unknown here are watched from now on, those it has otherwise are told anew. */
  compare(miners: Seen[], nowMs: number): void {
    for (const { hotkey, online, fresh } of miners) {
      if (online !== 'unreachable') this.#sql.exec('INSERT OR IGNORE INTO heard (hotkey, since) VALUES (?, ?)', hotkey, nowMs)
      this.#sql.exec('UPDATE heard SET online = NULL, fresh = NULL WHERE hotkey = ? AND (online <> ? OR fresh <> ?)', hotkey, online, Number(fresh))
    }
  }

  all(): Row[] {
    const rows = this.#sql.exec<Raw>('SELECT hotkey, since, heard_at, full_at, online, fresh, linked FROM heard').toArray()
    return rows.map((r) => ({
      hotkey: r.hotkey,
      sinceMs: r.since,
      heardAtMs: r.heard_at,
      fullAtMs: r.full_at,
      online: r.online,
      fresh: r.fresh === null ? null : r.fresh === 1,
      linked: r.linked === 1,
    }))
  }

  /** What the database holds after a look at this time. Who spoke since is left unknown: its sync may have changed it. */
  told({ hotkey, online, fresh }: Seen, lookedAtMs: number): void {
    this.#sql.exec(
      'UPDATE heard SET online = ?, fresh = ? WHERE hotkey = ? AND coalesce(heard_at, 0) <= ?',
      online,
      fresh === null ? null : Number(fresh),
      hotkey,
      lookedAtMs,
    )
  }

  /** Begins a look. @returns until when nobody may become unreachable: after a deploy, and after a time in which the shard saw nothing */
  begin(nowMs: number, version: string): number {
    const last = this.#looks()
    const blind = last === undefined || last.version !== version || nowMs - last.seen_at > BLIND_MS
    const graceUntil = blind ? nowMs + LIVENESS.graceMs : last.grace_until
    this.#sql.exec(
      `INSERT INTO looks VALUES (1, ?, 0, ?, ?) ON CONFLICT (one) DO UPDATE SET seen_at = excluded.seen_at, version = excluded.version, grace_until = excluded.grace_until`,
      nowMs,
      version,
      graceUntil,
    )
    return graceUntil
  }

  /** The look ended, and the database knows what it found. */
  end(lookedAtMs: number): void {
    this.#sql.exec('UPDATE looks SET told_at = ?', lookedAtMs)
    this.#sql.exec("DELETE FROM heard WHERE online = 'unreachable' AND coalesce(heard_at, since) < ?", lookedAtMs - FORGOTTEN_MS)
  }

  /** When to look next (ms); null while there is nobody to look at. */
  nextLook(nowMs: number): number | null {
    const [any] = this.#sql.exec('SELECT 1 FROM heard LIMIT 1').toArray()
    return any === undefined ? null : (this.#looks()?.seen_at ?? nowMs) + LIVENESS.watchMs
  }

  /** The last look that the database was told of (ms; 0: none), and how many it saw in each state. */
  state(): { lookedAt: number; watched: number } & Record<Online, number> {
    const counts = { online: 0, suspect: 0, unreachable: 0 }
    const rows = this.#sql.exec<{ online: Online; n: number }>("SELECT coalesce(online, 'online') AS online, count(*) AS n FROM heard GROUP BY 1").toArray()
    for (const { online, n } of rows) counts[online] = n
    return { lookedAt: this.#looks()?.told_at ?? 0, watched: rows.reduce((sum, r) => sum + r.n, 0), ...counts }
  }

  #looks(): Looks | undefined {
    return this.#sql.exec<Looks>('SELECT seen_at, told_at, version, grace_until FROM looks').toArray()[0]
  }
}
