import { askAgent } from '../../core/ask.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { oneLine } from '../../core/text.ts'
import { SETTINGS } from '../config.ts'
import { pardoned, type Pardoned } from '../operator/answers.ts'
import type { Hands } from './index.ts'
import { hotkeyIn } from './penalize.ts'

const WANTED = { state: SETTINGS.state }

/** `compute validator pardon`. */
export async function pardonCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator pardon', 'End the penalty of a miner, at once', WANTED)
    .argument('<hotkey>', 'the miner')
    .option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const answer = await askAgent(values.state, 'POST', '/pardon', pardoned, { hotkey: hotkeyIn(command.args[0] ?? '') })
  out(command.opts<{ json?: boolean }>().json ? JSON.stringify(answer) : pardonedText(answer))
  return 0
}

/** For people. Pure. */
export function pardonedText({ hotkey, uid, before }: Pardoned): string {
  const who = uid === null ? hotkey : `uid ${uid}, ${hotkey},`
  if (!before) return `${who} is not penalized: there is nothing to pardon`
  return `${who} is pardoned; it was penalized since ${before.from}: ${oneLine(before.reason)}\nits score is computed anew and published now`
}
