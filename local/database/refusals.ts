import { constants } from 'node:sqlite'

/** Pragmas that sqld lets a client give a value to. Reading one is always allowed. */
const SETTABLE = new Set([
  'table_list',
  'index_list',
  'table_info',
  'table_xinfo',
  'index_info',
  'index_xinfo',
  'foreign_keys',
  'foreign_key_check',
  'foreign_key_list',
  'defer_foreign_keys',
  'user_version',
  'integrity_check',
  'quick_check',
])

/** Functions younger than SQLite 3.45, which libSQL is: here they would work, in production they would not. */
const TOO_NEW = new Set(['json_pretty', 'unistr', 'unistr_quote', 'if', 'median', 'percentile', 'percentile_cont', 'percentile_disc'])

/** VACUUM attaches too. */
const ACTS = new Set([
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
  constants.SQLITE_ANALYZE,
  constants.SQLITE_CREATE_TEMP_INDEX,
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_TEMP_TRIGGER,
  constants.SQLITE_CREATE_TEMP_VIEW,
])

/**
 * SQLite's authorizer with sqld's refusals: nothing temporary, no other file, no VACUUM or ANALYZE, no setting of the engine.
 * SQLite asks it about every act of a statement while it compiles it.
 */
export function authorize(act: number, first: string | null, second: string | null): number {
  return refused(act, first?.toLowerCase() ?? '', second) ? constants.SQLITE_DENY : constants.SQLITE_OK
}

function refused(act: number, first: string, second: string | null): boolean {
  if (act === constants.SQLITE_PRAGMA) return second !== null && !SETTABLE.has(first)
  if (act === constants.SQLITE_FUNCTION) return TOO_NEW.has(second?.toLowerCase() ?? '')
  return ACTS.has(act)
}
