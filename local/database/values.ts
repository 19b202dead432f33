import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { RefusedSql } from './errors.ts'
import type { Statement, Value } from './hrana.ts'
import type { Parameter } from './scan.ts'

/** A value off the wire as SQLite takes it. Integers travel as text so that none of their 64 bits is lost. */
export function decode(v: Value): SQLInputValue {
  switch (v.type) {
    case 'null':
      return null
    case 'integer':
      return BigInt(v.value)
    case 'float':
      return v.value ?? Number.NaN
    case 'blob':
      return Buffer.from(v.base64, 'base64')
    case 'text':
      return v.value
  }
}

/** A value of SQLite as it goes on the wire; blobs are unpadded, as sqld writes them. */
export function encode(v: SQLOutputValue): Value {
  if (v === null) return { type: 'null' }
  if (typeof v === 'bigint') return { type: 'integer', value: String(v) }
  if (typeof v === 'number') return { type: 'float', value: v }
  if (typeof v === 'string') return { type: 'text', value: v }
  return { type: 'blob', base64: Buffer.from(v).toString('base64').replace(/=+$/, '') }
}

export type Bound = { named: Record<string, SQLInputValue>; positional: SQLInputValue[] }

/** Arguments for `parameters`. SQLite would read a missing one as NULL; sqld refuses it, and so do we. */
export function bind(parameters: Parameter[], statement: Pick<Statement, 'args' | 'named_args'>): Bound {
  const given = statement.args.length + statement.named_args.length
  if (given > parameters.length) throw mismatch(`too many parameters, expected ${parameters.length} found ${given}`)
  const byName = new Map(statement.named_args.map((a) => [bare(a.name), a.value]))
  const bound: Bound = { named: {}, positional: [] }
  parameters.forEach((name, i) => {
    const found = name === null ? statement.args[i] : (byName.get(bare(name)) ?? statement.args[i])
    if (!found) throw mismatch(`value for parameter ${name ?? i + 1} not found`)
    if (name === null) bound.positional.push(decode(found))
    else bound.named[name] = decode(found)
  })
  return bound
}

const bare = (name: string) => name.replace(/^[:@$]/, '')
const mismatch = (what: string) => new RefusedSql(`Arguments do not match SQL parameters: ${what}`, 'ARGS_INVALID')
