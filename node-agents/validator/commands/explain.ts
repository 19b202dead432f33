import { askAgent } from '../../core/ask.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { explainAnswer } from '../operator/answers.ts'
import { explainText } from './explain-text.ts'
import type { Hands } from './index.ts'
import { minerIn } from './which.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = 'Show where the score of one miner comes from, every factor, and what weight it has'

/** `compute validator explain`. */
export async function explainCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator explain', ABOUT, WANTED).argument('<hotkey|uid>', 'the miner').option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const answer = await askAgent(values.state, 'POST', '/explain', explainAnswer, minerIn(command.args[0] ?? ''))
  out(command.opts<{ json?: boolean }>().json ? JSON.stringify(answer) : explainText(answer))
  return 0
}
