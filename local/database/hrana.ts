import * as z from 'zod'

/** Hrana 2 over HTTP in JSON, as far as `@libsql/client/web` speaks it: what a client may send and what it gets back. */

const integer = z.string().regex(/^-?[0-9]{1,19}$/)

export const value = z.discriminatedUnion('type', [
  z.object({ type: z.literal('null') }),
  z.object({ type: z.literal('integer'), value: integer }),
  z.object({ type: z.literal('float'), value: z.number().nullable() }),
  z.object({ type: z.literal('text'), value: z.string() }),
  z.object({ type: z.literal('blob'), base64: z.string() }),
])
export type Value = z.infer<typeof value>

/** SQL is sent as text, or by the number it was stored under in this stream. */
const sqlText = { sql: z.string().nullish(), sql_id: z.number().int().nullish() }
export type SqlText = { sql?: string | null | undefined; sql_id?: number | null | undefined }

const statement = z.object({
  ...sqlText,
  args: z.array(value).default([]),
  named_args: z.array(z.object({ name: z.string(), value })).default([]),
})
export type Statement = z.infer<typeof statement>

const step = z.number().int().nonnegative()
export type Condition = { type: 'ok' | 'error'; step: number } | { type: 'not'; cond: Condition } | { type: 'and' | 'or'; conds: Condition[] }
const condition: z.ZodType<Condition> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.enum(['ok', 'error']), step }),
    z.object({ type: z.literal('not'), cond: condition }),
    z.object({ type: z.enum(['and', 'or']), conds: z.array(condition) }),
  ]),
)

const batch = z.object({ steps: z.array(z.object({ condition: condition.nullish(), stmt: statement })) })
export type Batch = z.infer<typeof batch>

const request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('close') }),
  z.object({ type: z.literal('execute'), stmt: statement }),
  z.object({ type: z.literal('batch'), batch }),
  z.object({ type: z.literal('sequence'), ...sqlText }),
  z.object({ type: z.literal('store_sql'), sql_id: z.number().int(), sql: z.string() }),
  z.object({ type: z.literal('close_sql'), sql_id: z.number().int() }),
])
export type Request = z.infer<typeof request>

export const pipeline = z.object({ baton: z.string().nullish(), requests: z.array(request) })

export type StatementResult = {
  cols: { name: string; decltype: string | null }[]
  rows: Value[][]
  affected_row_count: number
  last_insert_rowid: string | null
  replication_index: null
}

export type SqlError = { message: string; code: string }
export type BatchResult = { step_results: (StatementResult | null)[]; step_errors: (SqlError | null)[] }

export type Response =
  { type: 'close' | 'sequence' | 'store_sql' | 'close_sql' } | { type: 'execute'; result: StatementResult } | { type: 'batch'; result: BatchResult }

export type Result = { type: 'ok'; response: Response } | { type: 'error'; error: SqlError }
