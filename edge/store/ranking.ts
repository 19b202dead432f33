import { sql, type SQL } from 'drizzle-orm'
import { fresh, holds } from './publications.ts'

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
