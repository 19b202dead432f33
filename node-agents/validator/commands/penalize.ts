import { hotkey as address } from '../../../schema/index.ts'
import { askAgent } from '../../core/ask.ts'
import { Mistake } from '../../core/mistake.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { oneLine } from '../../core/text.ts'
import { SETTINGS } from '../config.ts'
import { penalized, type Penalized } from '../operator/answers.ts'
import { duration } from './duration.ts'
import type { Hands } from './index.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = `Punish a miner: its score is zero, at once, until the time is up or it is pardoned.
Said again it takes the new reason and the new end. The reason is published: everybody can read it`
const MOST = 200

/** `compute validator penalize`. */
export async function penalizeCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator penalize', ABOUT, WANTED)
    .argument('<hotkey>', 'the miner')
    .requiredOption('--reason <text>', `why, in up to ${MOST} characters`)
    .option('--for <time>', 'for how long: such as 90m, 24h, 7d, or forever', '24h')
    .option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const { reason, for: time, json } = command.opts<{ reason: string; for: string; json?: boolean }>()
  const asked = { hotkey: hotkeyIn(command.args[0] ?? ''), reason: reasonIn(reason), for_ms: duration(time) }
  const answer = await askAgent(values.state, 'POST', '/penalize', penalized, asked)
  out(json ? JSON.stringify(answer) : penalizedText(answer))
  return 0
}

/** @throws Mistake for what is no hotkey; a uid is none, as it may be somebody else's tomorrow */
export function hotkeyIn(text: string): string {
  const read = address.safeParse(text)
  if (read.success) return read.data
  throw new Mistake(`${JSON.stringify(text)} is no hotkey (ss58, 48 characters); compute validator miners shows whose uid is which`)
}

function reasonIn(text: string): string {
  const reason = oneLine(text).trim()
  if (reason.length > 0 && reason.length <= MOST) return reason
  throw new Mistake(`--reason has ${reason.length} characters: say why in 1 to ${MOST}`)
}

/** For people. Pure. */
export function penalizedText({ hotkey, uid, now, before }: Penalized): string {
  const end = now.until === null ? 'until it is pardoned' : `until ${now.until}`
  const was = before
    ? `\nit was penalized already, since ${before.from}, ${before.until === null ? 'without end' : `until ${before.until}`}: ${oneLine(before.reason)}`
    : ''
  return `uid ${uid}, ${hotkey}, is penalized ${end}: ${oneLine(now.reason)}${was}\nits score is computed anew and published now; weights follow when they are set next (compute validator weights show)`
}
