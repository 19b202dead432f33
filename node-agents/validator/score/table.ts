import { oneLine } from '../../core/text.ts'
import type { Stat } from '../store/types.ts'

const WIDTH = 190
const RULE = '-'.repeat(WIDTH)
const GPU_WIDTH = 36
const TITLE = 'MINER STATS SUMMARY'

/** Name and least width of the columns; the original's, which people know. A hotkey has 48 characters: then a line is as long as the rules. */
const COLUMNS: [name: string, width: number, of: (stat: Stat) => string][] = [
  ['UID', 4, (s) => String(s.uid)],
  ['Hotkey', 45, (s) => s.hotkey],
  ['GPU', GPU_WIDTH, gpuOf],
  ['Score', 7, (s) => s.score.toFixed(2)],
  ['Allocated', 5, (s) => (s.allocated ? 'yes' : 'no')],
  ['RelScore', 5, (s) => s.reliability.toFixed(2)],
  ['Source', 9, (s) => (byOthers(s) ? 'External' : 'Local')],
]

/** One table of all miners, by uid, as the original prints it after each round. */
export function summary(rows: Stat[]): string {
  const title = TITLE.padStart(Math.floor((WIDTH + TITLE.length) / 2)).padEnd(WIDTH)
  const lines = [...rows].sort((a, b) => a.uid - b.uid).map(line)
  return [RULE, title, RULE, ...lines, RULE].join('\n')
}

const line = (stat: Stat) => `| ${COLUMNS.map(([name, width, of]) => `${name}: ${of(stat).padEnd(width)}`).join(' | ')} |`

/** "N/A": nobody looked. A longer name, which comes from a miner, is cut, so that the columns stay where they are. */
function gpuOf({ gpus, ownScore }: Stat): string {
  if (gpus) return oneLine(`${gpus.count} x ${gpus.model}`).slice(0, GPU_WIDTH)
  return ownScore ? 'No GPUs' : 'N/A'
}

const byOthers = ({ factors }: Stat) => factors.factors.some((f) => f.name === 'peers')
