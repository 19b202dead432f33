import { askAgent } from '../../core/ask.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { minersAnswer } from '../operator/answers.ts'
import type { Hands } from './index.ts'
import { countsOf, minersText } from './miners-text.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = 'Show everybody on the subnet: what each is worth, or why it is left out'

/** `compute validator miners`. */
export async function minersCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator miners', ABOUT, WANTED).option('--excluded', 'only those that are left out').option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const { excluded = false, json = false } = command.opts<{ excluded?: boolean; json?: boolean }>()
  const answer = await askAgent(values.state, 'GET', '/miners', minersAnswer)
  const shown = excluded ? { ...answer, miners: answer.miners.filter((m) => m.excluded !== null) } : answer
  out(json ? JSON.stringify({ ...shown, excluded: countsOf(answer) }) : minersText(answer, shown.miners, Date.now()))
  return 0
}
