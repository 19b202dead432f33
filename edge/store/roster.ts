import { sql, type SQL } from 'drizzle-orm'
import type { Agent, Change } from '../verbs/roles.ts'

/** In words that the index of those present is made with; a planner left alone may read everybody who ever was. */
const present = sql`(uid IS NOT NULL OR source = 'allow')`

/** Agents that the chain or a person let in, and of these hotkeys all that were here ever, as rows of `agentOf`. */
export function agentsAmong(hotkeys: string[]): SQL {
  const columns = sql`a.hotkey AS hotkey, a.role AS role, a.standing AS standing, a.source AS source, a.drained_by AS drainedBy, a.uid AS uid, a.coldkey AS coldkey,
    EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = a.hotkey AND c.freed_at IS NULL) AS live`
  return sql`
    SELECT ${columns} FROM (SELECT * FROM agents INDEXED BY agents_present WHERE ${present}) a
    UNION SELECT ${columns} FROM json_each(${JSON.stringify(hotkeys)}) h JOIN agents a ON a.hotkey = h.value`
}

export function agentOf(row: Record<string, unknown>): Agent {
  const { live, ...agent } = row as Omit<Agent, 'live'> & { live: number }
  return { ...agent, live: live === 1 }
}

/**
 * Writes changes of roles. An agent that is not as it was when they were planned (a person drained it meanwhile, something was rented
 * there) stays as it is: the next snapshot plans anew. @param when the snapshot is applied, an SQL condition
 */
export function changeAgents(changes: Change[], nowMs: number, when: SQL): SQL[] {
  const rows = JSON.stringify(changes.map(({ was, is }) => ({ ...is, was })))
  const is = (name: string) => sql`c.value ->> ${name}`
  return [
    sql`INSERT INTO agents (hotkey, role, standing, source, uid, coldkey, drained_by, changed_at)
      SELECT ${is('hotkey')}, ${is('role')}, ${is('standing')}, ${is('source')}, ${is('uid')}, ${is('coldkey')}, ${is('drainedBy')}, ${nowMs}
      FROM json_each(${rows}) c WHERE ${is('was')} IS NULL AND ${when} ON CONFLICT DO NOTHING`,
    sql`UPDATE agents AS a SET role = ${is('role')}, standing = ${is('standing')}, source = ${is('source')}, uid = ${is('uid')}, coldkey = ${is('coldkey')}, drained_by = ${is('drainedBy')},
        changed_at = CASE WHEN a.role = ${is('role')} AND a.standing = ${is('standing')} THEN a.changed_at ELSE ${nowMs} END
      FROM json_each(${rows}) c
      WHERE a.hotkey = ${is('hotkey')} AND a.role = ${is('$.was.role')} AND a.standing = ${is('$.was.standing')} AND a.source = ${is('$.was.source')}
        AND a.drained_by IS ${is('$.was.drainedBy')} AND ${when}
        AND (a.role = ${is('role')} OR NOT EXISTS (SELECT 1 FROM claims k WHERE k.hotkey = a.hotkey AND k.freed_at IS NULL))`,
  ]
}

/** How many hotkeys may act, by role. */
export function countActive(): SQL {
  return sql`SELECT role, count(*) AS n FROM agents INDEXED BY agents_present WHERE ${present} AND standing = 'active' GROUP BY role`
}
