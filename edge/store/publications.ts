import { sql, type SQL } from 'drizzle-orm'
import { type Penalties, SCORE_STALE_MS, type Scores } from '../../schema/publication.ts'

/** A publication that was checked. `statement`: what its validator signed. */
export type Heard = { statement: string; nowMs: number } & ({ kind: 'scores'; content: Scores } | { kind: 'penalties'; content: Penalties })

/** True while this is the latest of its validator, so that a batch that is repeated late changes nothing over what came since. */
const stands = ({ kind, content, statement }: Heard) => sql`p.kind = ${kind} AND p.validator = ${content.validator} AND p.statement = ${statement}`

/**
 * Keeps a publication if its validator published nothing later, and a row of it for each registered miner; only rows that differ are written.
 * The last statement reads what stands: `at`, and whether it is this one. Safe to repeat.
 */
export function keep(heard: Heard): SQL[] {
  const { kind, content, statement, nowMs } = heard
  return [
    sql`INSERT INTO publications (kind, validator, at, block, statement, document, taken_at)
      VALUES (${kind}, ${content.validator}, ${content.at_ms}, ${content.block}, ${statement}, ${JSON.stringify(content)}, ${nowMs})
      ON CONFLICT (kind, validator) DO UPDATE SET at = excluded.at, block = excluded.block, statement = excluded.statement, document = excluded.document, taken_at = excluded.taken_at
      WHERE excluded.at > publications.at`,
    ...(kind === 'scores' ? scoreRows(heard) : penaltyRows(heard)),
  ]
}

/** What stands of a validator after `keep`. */
export const standing = (heard: Heard): SQL =>
  sql`SELECT p.at AS at, p.statement = ${heard.statement} AS kept FROM publications p WHERE p.kind = ${heard.kind} AND p.validator = ${heard.content.validator}`

const rowsOf = (heard: Heard) => sql`publications p JOIN json_each(p.document, ${`$.${heard.kind}`}) r`
const is = (name: string) => sql`r.value ->> ${name}`
/** Rows of what no longer stands there. */
const without = (heard: Heard) =>
  sql`validator = ${heard.content.validator} AND EXISTS (SELECT 1 FROM publications p WHERE ${stands(heard)})
    AND hotkey NOT IN (SELECT ${is('hotkey')} FROM ${rowsOf(heard)} WHERE ${stands(heard)})`

function scoreRows(heard: Heard): SQL[] {
  return [
    sql`DELETE FROM scores WHERE ${without(heard)}`,
    sql`INSERT INTO scores (validator, hotkey, score, model, count, own)
      SELECT p.validator, m.hotkey, ${is('score')}, ${is('$.gpus.model')}, ${is('$.gpus.count')}, ${is('own')} FROM ${rowsOf(heard)} JOIN miners m ON m.hotkey = ${is('hotkey')} WHERE ${stands(heard)}
      ON CONFLICT (validator, hotkey) DO UPDATE SET score = excluded.score, model = excluded.model, count = excluded.count, own = excluded.own
      WHERE score <> excluded.score OR model IS NOT excluded.model OR count IS NOT excluded.count OR own <> excluded.own`,
  ]
}

function penaltyRows(heard: Heard): SQL[] {
  return [
    sql`DELETE FROM penalties WHERE ${without(heard)}`,
    sql`INSERT INTO penalties (validator, hotkey, reason, from_at, until_at)
      SELECT p.validator, m.hotkey, ${is('reason')}, ${is('from_ms')}, ${is('until_ms')} FROM ${rowsOf(heard)} JOIN miners m ON m.hotkey = ${is('hotkey')} WHERE ${stands(heard)}
      ON CONFLICT (validator, hotkey) DO UPDATE SET reason = excluded.reason, from_at = excluded.from_at, until_at = excluded.until_at
      WHERE reason <> excluded.reason OR from_at <> excluded.from_at OR until_at IS NOT excluded.until_at`,
  ]
}

/** Whether agent `a` is a validator whose word counts: on the subnet, and not drained by a person. */
const counts = sql.raw("a.role = 'validator' AND a.standing = 'active'")

/** Publications young enough to count, of validators that are. A validator let in by hand has no stake, and counts next to nothing. */
export const fresh = (
  nowMs: number,
) => sql`(SELECT word.kind AS kind, word.validator AS validator, word.at AS at, max(1.0, CAST(coalesce(a.stake, '0') AS REAL)) AS stake
  FROM publications word CROSS JOIN agents a ON a.hotkey = word.validator WHERE word.at >= ${nowMs - SCORE_STALE_MS} AND ${counts})`

/** Whether the penalty `n` holds now. */
export const holds = (nowMs: number) => sql`n.from_at <= ${nowMs} AND (n.until_at IS NULL OR n.until_at > ${nowMs})`

/** Validators whose word counts and is young enough, and when the last of them published (null: never, or none kept). */
export const lastPublished = (nowMs: number): SQL =>
  sql`SELECT (SELECT count(DISTINCT validator) FROM ${fresh(nowMs)}) AS validators, (SELECT max(at) FROM publications) AS at`

/** What validators said that are none any more goes, by a trigger with all its rows. */
export const forgetGone = (): SQL =>
  sql`DELETE FROM publications WHERE validator NOT IN (SELECT a.hotkey FROM publications word CROSS JOIN agents a ON a.hotkey = word.validator WHERE a.role = 'validator' AND a.standing <> 'removed')`
