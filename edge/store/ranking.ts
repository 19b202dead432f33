import { sql, type SQL } from 'drizzle-orm'
import { SCORE_STALE_MS } from '../../schema/publication.ts'
import { fresh, holds } from './publications.ts'

/** Miners are ranked anew this often whatever happened, so that nothing that was missed stays. */
const AT_LEAST_EVERY_MS = 10 * 60_000
/** Clocks that write to the database differ by less. */
const OVERLAP_MS = 60_000

/**
 * Whether time or a person changed what counts since the last tick: a word aged out, a penalty began or ended, an agent that published
 * changed its role or standing. Publishing and snapshots rank by themselves, and ranking reads every number there is: a quiet tick leaves it out.
 */
export function rankDue(nowMs: number): SQL {
  const lately = (at: SQL, until = nowMs) => sql`${at} BETWEEN t.since - ${nowMs - until + OVERLAP_MS} AND ${until}`
  return sql`
    WITH t AS MATERIALIZED (SELECT coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'swept_at'), 0) AS since)
    SELECT t.since / ${AT_LEAST_EVERY_MS} <> ${nowMs} / ${AT_LEAST_EVERY_MS}
      OR EXISTS (SELECT 1 FROM publications word CROSS JOIN agents a ON a.hotkey = word.validator
        WHERE ${lately(sql`a.changed_at`)} OR ${lately(sql`word.at`, nowMs - SCORE_STALE_MS)})
      OR EXISTS (SELECT 1 FROM publications word CROSS JOIN penalties n ON n.validator = word.validator
        WHERE word.kind = 'penalties' AND (${lately(sql`n.from_at`)} OR ${lately(sql`n.until_at`)})) AS due
    FROM t`
}

/**
 * Ranks miners anew, by what validators published within SCORE_STALE_MS. A score is the stake-weighted median: the highest number that more
 * than half of the stake that published proved at least. So a validator that proved nothing of a miner itself counts as 0 there, and one
 * with little stake lifts nobody; what it has from others is not its own word. Penalized by more than half of the stake that published: 0.
 * Nobody proved anything: null. Writes the rows that differ.
 */
export function rank(nowMs: number): SQL {
  return sql`
    WITH said AS MATERIALIZED ${fresh(nowMs)},
    voters AS MATERIALIZED (SELECT validator, max(stake) AS stake FROM said GROUP BY validator),
    proved AS MATERIALIZED (SELECT s.hotkey AS hotkey, s.score AS score, total(said.stake) OVER (PARTITION BY s.hotkey ORDER BY s.score DESC) AS stake
      FROM said CROSS JOIN scores s ON s.validator = said.validator WHERE said.kind = 'scores' AND s.own = 1),
    median AS MATERIALIZED (SELECT hotkey, max(CASE WHEN stake * 2 > (SELECT total(stake) FROM said WHERE kind = 'scores') THEN score ELSE 0.0 END) AS score FROM proved GROUP BY hotkey),
    penalized AS MATERIALIZED (SELECT n.hotkey AS hotkey FROM said CROSS JOIN penalties n ON n.validator = said.validator
      WHERE said.kind = 'penalties' AND ${holds(nowMs)}
      GROUP BY n.hotkey HAVING total(said.stake) * 2 > (SELECT total(stake) FROM voters)),
    known AS MATERIALIZED (SELECT hotkey FROM median UNION SELECT hotkey FROM penalized UNION SELECT hotkey FROM miners INDEXED BY miners_scored WHERE score IS NOT NULL)
    UPDATE miners AS m SET score = n.score
    FROM (SELECT known.hotkey AS hotkey, CASE WHEN known.hotkey IN (SELECT hotkey FROM penalized) THEN 0.0 ELSE (SELECT d.score FROM median d WHERE d.hotkey = known.hotkey) END AS score FROM known) n
    WHERE m.hotkey = n.hotkey AND m.score IS NOT n.score`
}

/** Stake of validators, as the snapshot says that was just applied. @param when it was, an SQL condition */
export function weighValidators(when: SQL): SQL {
  return sql`UPDATE agents AS a SET stake = n.value ->> 'total_stake' FROM snapshots s JOIN json_each(s.neurons) n
    WHERE s.state = 'applied' AND a.hotkey = n.value ->> 'hotkey' AND a.role = 'validator' AND a.stake IS NOT n.value ->> 'total_stake' AND ${when}`
}
