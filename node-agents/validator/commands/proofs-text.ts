import { join } from 'node:path'
import { clean, oneLine, table, when } from '../../core/text.ts'
import type { ProofsAnswer } from '../operator/answers.ts'
import { cards, percent } from './words.ts'

type Row = ProofsAnswer['proofs'][number]

/** For people: a table, and below it what each proof says of itself. Pure. */
export function proofsText({ folder, proofs }: ProofsAnswer, nowMs: number): string {
  if (proofs.length === 0) return 'no proof was made yet; compute validator status shows when the next round is due'
  const rows = proofs.map((p, i) => [String(i + 1), when(p.at, nowMs), String(p.block), uidOf(p), p.hotkey, p.result.toUpperCase(), cardsOf(p), tookOf(p)])
  const head = ['', 'WHEN', 'BLOCK', 'UID', 'HOTKEY', 'RESULT', 'CARDS', 'TOOK']
  return clean([table(head, rows), '', ...proofs.flatMap((p, i) => notes(p, i + 1, folder))].join('\n'))
}

const uidOf = ({ uid }: Row) => (uid === null ? '-' : String(uid))
const tookOf = ({ duration_ms: ms }: Row) => `${(ms / 1000).toFixed(1)} s`

function cardsOf({ gpus, simulated }: Row): string {
  const [model] = gpus
  return model === undefined ? '-' : `${cards({ model, count: gpus.length })}${simulated ? ', simulated' : ''}`
}

function notes(p: Row, n: number, folder: string): string[] {
  const sure = p.confidence === null ? null : `${percent(p.confidence)} sure${p.runner_up === null ? '' : `; next is ${p.runner_up}`}`
  const said = [
    p.text || null,
    sure,
    ...p.flags.map((flag) => `NOTE: ${flag}`),
    p.lost.length === 0 ? null : `LOST to another miner, who showed them at the same moment: ${p.lost.join(', ')}`,
    p.bundle && `evidence: ${join(folder, p.bundle.file)}`,
  ].filter((s) => s !== null)
  return said.map((text, i) => `${i === 0 ? String(n).padStart(3) : '   '}  ${oneLine(text)}`)
}
