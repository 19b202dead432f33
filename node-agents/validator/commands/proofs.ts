import * as z from 'zod'
import { askAgent } from '../../core/ask.ts'
import { Mistake } from '../../core/mistake.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { proofsAnswer } from '../operator/answers.ts'
import type { Hands } from './index.ts'
import { proofsText } from './proofs-text.ts'
import { minerIn } from './which.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = 'Show what came of the newest proofs of GPU, with the reason, and where the evidence of each lies'
const LIMIT = 20
const limits = z.coerce.number().int().min(1).max(1000)

/** `compute validator proofs`. */
export async function proofsCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator proofs', ABOUT, WANTED)
    .argument('[hotkey|uid]', 'only of this miner')
    .option('--limit <n>', 'so many', String(LIMIT))
    .option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const { limit, json = false } = command.opts<{ limit: string; json?: boolean }>()
  const most = limits.safeParse(limit)
  if (!most.success) throw new Mistake(`--limit is a number from 1 to 1000, not ${JSON.stringify(limit)}`)
  const [name] = command.args
  const miner = name === undefined ? null : minerIn(name).miner
  const answer = await askAgent(values.state, 'POST', '/proofs', proofsAnswer, { miner, limit: most.data })
  out(json ? JSON.stringify(answer) : proofsText(answer, Date.now()))
  return 0
}
