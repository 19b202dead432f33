import type { Owner } from '../../core/ports.ts'
import type { Engine, Row } from './client.ts'
import { containerOf } from './labels.ts'

const KILLED = /^Exited \(137\)/

/** Asks of our own that were killed whether memory ran out: the list does not say. One that is gone by now has no answer. */
export async function withOom(engine: Engine, owner: Owner, rows: Row[], signal?: AbortSignal): Promise<Row[]> {
  const of = async (row: Row): Promise<Row> => {
    if (!KILLED.test(row.Status) || !containerOf(owner, row)) return row
    const oomKilled = await engine.oomKilled(row.Id, signal)
    return oomKilled === null ? row : { ...row, oomKilled }
  }
  return Promise.all(rows.map(of))
}
