import { askAgent } from '../../core/ask.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { clean } from '../../core/text.ts'
import { SETTINGS } from '../config.ts'
import { validatorStatus, type ValidatorStatus } from '../status.ts'
import type { Hands } from './index.ts'
import { workText } from './work-text.ts'
import { line } from './words.ts'

const WANTED = { state: SETTINGS.state }
/** Blocks come every twelve seconds: after a minute something is wrong. */
const OLD_S = 60

/** `compute validator status`. */
export async function statusCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute validator status', 'Show the validator that runs on this host', WANTED).option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const status = await askAgent(values.state, 'GET', '/status', validatorStatus)
  out(command.opts<{ json?: boolean }>().json ? JSON.stringify(status) : statusText(status, Date.now()))
  return 0
}

/** For people. Pure. */
export function statusText(s: ValidatorStatus, nowMs: number): string {
  return clean(
    [
      line('validator', `${s.hotkey}, version ${s.version}`),
      line('subnet', `${s.netuid}: ${subnetText(s)}`),
      line('chain', chainText(s)),
      line('edge', `${s.edge.url}${s.edge.address ? ` (${s.edge.address})` : ', which did not prove itself yet'}`),
      ...workText(s, nowMs),
      line('snapshot', snapshotText(s)),
    ].join('\n'),
  )
}

function subnetText({ subnet, subnet_trouble: trouble }: ValidatorStatus): string {
  const known = subnet ? `${subnet.text}${subnet.block === null ? '' : ` (block ${subnet.block}, ${subnet.uids} uids)`}` : 'not read yet'
  return `${known}${trouble ? `; CANNOT BE READ NOW: ${trouble}` : ''}`
}

function chainText({ chain }: ValidatorStatus): string {
  const { endpoint, head, head_age_s: age, finalized, spec, trouble } = chain
  if (!endpoint) return `NOT CONNECTED${trouble ? `: ${trouble}` : ''}`
  const blocks = head ? `block ${head.number}${age === null ? '' : `, ${age} s ago${age > OLD_S ? ' (OLD)' : ''}`}` : 'no block yet'
  return `${endpoint}, ${blocks}, finalized ${finalized?.number ?? 'none yet'}, runtime ${spec ?? 'unknown'}`
}

function snapshotText({ snapshot: { last, trouble } }: ValidatorStatus): string {
  const text = last ? `block ${last.block}: ${last.outcome}, ${last.votes} of ${last.needed} votes, at ${last.at}` : 'none yet'
  return trouble ? `${text}; NOT SENT since ${trouble.since}: ${trouble.message} (${trouble.code})${trouble.advice ? `. ${trouble.advice}` : ''}` : text
}
