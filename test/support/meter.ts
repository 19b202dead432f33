import { type Exchange, Tap } from './tap.ts'

type Rows = { affected_row_count: number; rows: unknown[] }
type Result = { response?: { result?: Rows | { step_results: (Rows | null)[] } } }

/** What a database was asked: requests, statements (without BEGIN, COMMIT and the like), rows it wrote and rows it gave. */
export type Reading = { requests: number; statements: number; written: number; given: number }

/** Stands in front of a database and reads what passes over the wire. */
export class Meter {
  readonly #tap: Tap
  readonly #passed: Exchange[] = []

  private constructor(tap: Tap) {
    this.#tap = tap
    tap.onRequest = (e) => void this.#passed.push(e)
  }

  static async before(url: string): Promise<Meter> {
    return new Meter(await new Tap(() => ({ port: Number(new URL(url).port) })).listen())
  }

  get url(): string {
    return this.#tap.url
  }

  /** What happened since the last reading. What is under way is not counted. */
  read(): Reading {
    const read = { requests: 0, statements: 0, written: 0, given: 0 }
    for (const { body, answer } of this.#passed.splice(0)) {
      if (!answer.startsWith('{')) continue
      read.requests++
      for (const { affected_row_count, rows } of (JSON.parse(answer) as { results: Result[] }).results.flatMap(rowsOf)) {
        read.written += affected_row_count
        read.given += rows.length
      }
      read.statements += body.match(/"type":"store_sql"/g)?.length ?? body.match(/"type":"execute"/g)?.length ?? 0
    }
    return read
  }

  close(): Promise<void> {
    return this.#tap.close()
  }
}

function rowsOf({ response }: Result): Rows[] {
  const result = response?.result
  if (!result) return []
  return 'rows' in result ? [result] : result.step_results.filter((r) => r !== null)
}
