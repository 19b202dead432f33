import { oneLine, table, when } from '../../core/text.ts'
import type { WeightsAnswer } from '../operator/answers.ts'
import { percent } from './words.ts'

type Row = WeightsAnswer['rows'][number]

/** The chain keeps u16 values: less than half of a hundredth of a percent may go in rounding. */
const SAME = 0.00005

/** For people. Pure. */
export function weightsText(a: WeightsAnswer, nowMs: number): string {
  const blocks = [headText(a)]
  if (a.cycles.length > 0) blocks.push(cyclesText(a, nowMs))
  if (a.rows.length > 0) blocks.push(rowsText(a))
  return blocks.join('\n\n')
}

function headText(a: WeightsAnswer): string {
  const [newest] = a.cycles
  return [
    `validator  ${a.hotkey}, ${a.uid === null ? 'NOT ON THE SUBNET' : `uid ${a.uid}`}`,
    `weights    ${newest ? `cycle ${newest.id} is ${newest.state}${newest.reason ? `: ${oneLine(newest.reason)}` : ''}` : 'none were set yet'}`,
    `next       ${nextText(a)}`,
    ...(a.trouble ? [`trouble    ${oneLine(a.trouble)}`] : []),
    ...(a.chain_trouble ? [`chain      CANNOT BE READ NOW: ${oneLine(a.chain_trouble)}`] : []),
  ].join('\n')
}

/** One cycle at a time: what is due waits for the one before. */
function nextText({ cycles: [newest], due_block: due, block }: WeightsAnswer): string {
  if (newest && OPEN.includes(newest.state)) return `once cycle ${newest.id} is over`
  if (due === null) return 'not known yet'
  if (block === null) return `due at block ${due}`
  return `due at block ${due}, ${due > block ? `in ${due - block} blocks` : 'now'}`
}

function cyclesText({ cycles }: WeightsAnswer, nowMs: number): string {
  const rows = cycles.map((c) => [
    String(c.id),
    when(c.at, nowMs),
    c.mode,
    c.state,
    String(c.uids),
    String(c.planned_block),
    numberOr(c.included_block),
    numberOr(c.reveal_block),
    numberOr(c.read_block),
    String(c.attempts),
    c.reason ?? '',
  ])
  return table(['CYCLE', 'WHEN', 'MODE', 'STATE', 'UIDS', 'PLANNED', 'INCLUDED', 'REVEAL', 'READ', 'TRIES', 'WHY'], rows)
}

const numberOr = (n: number | null) => (n === null ? '-' : String(n))

/** In which the weights of a cycle may still come to be. */
const OPEN: readonly string[] = ['planned', 'sending', 'included', 'revealing']

function rowsText({ rows, cycles, of_cycle: cycle }: WeightsAnswer): string {
  const differing = cycles.some((c) => c.id === cycle && OPEN.includes(c.state)) ? 'not yet' : 'DIFFERS'
  const lines = rows.map((r) => [String(r.uid), r.hotkey ?? '-', percent(r.wanted), r.found === null ? '?' : percent(r.found), differs(r) ? differing : ''])
  return table(['UID', 'HOTKEY', cycle === null ? 'WANTED' : `WANTED BY ${cycle}`, 'ON CHAIN', ''], lines)
}

const differs = ({ wanted, found }: Row) => found !== null && Math.abs(wanted - found) > SAME
