import { plural, table } from '../../core/text.ts'
import type { WeightsAnswer } from '../operator/answers.ts'

/** As many columns as fit a terminal, and rows as fit a screen. */
const COLUMNS = 12
const ROWS = 32

type Row = NonNullable<WeightsAnswer['matrix']>[number]

/** Percent of each row, for people: the uids that are given most, and what the others are given together. Pure. */
export function matrixText({ matrix, uid: own }: Pick<WeightsAnswer, 'matrix' | 'uid'>): string {
  if (!matrix || matrix.length === 0) return 'nobody has set weights on this subnet yet'
  const shares = matrix.map((row) => ({ row, shares: sharesIn(row) }))
  const given = new Map<number, number>()
  for (const row of shares) for (const [uid, share] of row.shares) given.set(uid, (given.get(uid) ?? 0) + share)
  const columns = [...given]
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, COLUMNS)
    .map(([uid]) => uid)
    .sort((a, b) => a - b)
  const left = given.size - columns.length
  const rows = shares.slice(0, ROWS).map(({ row, shares: of }) => {
    const shown = columns.map((uid) => of.get(uid) ?? 0)
    const rest = Math.max(0, 1 - shown.reduce((sum, s) => sum + s, 0))
    return [`${row.uid}${row.uid === own ? '*' : ''}`, abbreviated(row.hotkey), ...shown.map(cell), ...(left > 0 ? [cell(rest)] : [])]
  })
  const head = ['FROM', 'HOTKEY', ...columns.map(String), ...(left > 0 ? [`${left} OTHERS`] : [])]
  const notes = [
    '* is this validator; percent of each row',
    ...(left > 0 ? [`${plural(left, 'uid')} with less are summed up`] : []),
    ...(matrix.length > ROWS ? [`${plural(matrix.length - ROWS, 'more row')} left out`] : []),
    ...(left > 0 || matrix.length > ROWS ? ['--json shows all'] : []),
  ]
  return `${table(head, rows)}\n${notes.join('; ')}`
}

function sharesIn({ weights }: Row): Map<number, number> {
  const sum = weights.reduce((all, [, value]) => all + value, 0)
  return new Map(weights.map(([uid, value]) => [uid, sum === 0 ? 0 : value / sum]))
}

const cell = (share: number) => (share === 0 ? '.' : (share * 100).toFixed(1))
const abbreviated = (hotkey: string | null) => (hotkey === null ? '-' : `${hotkey.slice(0, 8)}…`)
