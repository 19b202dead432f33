import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { agentStatus, type AgentStatus } from '../status.ts'
import { askAgent } from '../../core/ask.ts'
import { chainText } from './chain-text.ts'
import type { Hands } from './index.ts'

const WANTED = { state: SETTINGS.state }
/** A clock further away than this is worth a line: signatures end to hold at ten seconds. */
const OFFSET_MS = 1000

/** `compute miner status`. */
export async function statusCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute miner status', 'Show the agent that runs on this host', WANTED).option('--json', 'print JSON')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const status = await askAgent(values.state, 'GET', '/status', agentStatus)
  out(command.opts<{ json?: boolean }>().json ? JSON.stringify(status) : statusText(status, Date.now()))
  return 0
}

/** For people. Pure. */
export function statusText(s: AgentStatus, nowMs: number): string {
  return [
    `miner      ${s.hotkey}`,
    `install    ${s.install}, version ${s.version}, protocol ${s.protocol}`,
    `edge       ${s.edge.url}${s.edge.address ? ` (${s.edge.address})` : ', which did not prove itself yet'}`,
    `sync       ${syncText(s)}`,
    ...clockText(s),
    `wish       ${s.wish ? `${s.wish.epoch}.${s.wish.version}${s.wish.fresh ? '' : ', from before this agent started'}` : 'none yet'}`,
    `engine     ${s.engine.ok ? 'answers' : `DOES NOT ANSWER: ${s.engine.message}`}`,
    ...section(
      'containers',
      s.containers,
      (c) => `${c.id}/${c.incarnation}  ${c.phase}${c.gpus ? `, ${c.gpus} GPU` : ''}${until(c, nowMs)}${c.error ? `  ${c.error}` : ''}`,
    ),
    ...section('unexplained', s.unexplained, (u) => `${u.id}/${u.incarnation}  since ${u.since}, ${fate(u)}`),
    ...chainText(s.chain),
    ...(s.foreign > 0 ? [`foreign     ${s.foreign} of another agent, hotkey or install: left alone`] : []),
  ].join('\n')
}

function syncText({ sync }: AgentStatus): string {
  const last = sync.ok_age_s === null ? 'none since this agent started' : `${sync.ok_age_s} s ago`
  const refused = sync.refusal ? `; REFUSED since: ${sync.refusal.message} (${sync.refusal.code})` : ''
  return `${last}, wake socket ${sync.socket_up ? 'up' : 'DOWN'}${refused}`
}

function clockText({ sync: { clock_offset_ms: ms } }: AgentStatus): string[] {
  if (ms === null || Math.abs(ms) <= OFFSET_MS) return []
  const way = ms > 0 ? 'slow' : 'fast'
  return [`clock      WARNING: ${(Math.abs(ms) / 1000).toFixed(1)} s ${way} by the edge's time: set up NTP, such as: timedatectl set-ntp true`]
}

function until(c: AgentStatus['containers'][number], nowMs: number): string {
  return c.expires_at ? `, ${((Date.parse(c.expires_at) - nowMs) / 3600_000).toFixed(1)} h left` : ''
}

const fate = (u: AgentStatus['unexplained'][number]) => (u.goes_at ? `goes at ${u.goes_at}` : 'waits for: compute miner confirm')

function section<T>(name: string, rows: T[], line: (row: T) => string): string[] {
  return rows.length === 0 ? [] : [name, ...rows.map((row) => `  ${line(row)}`)]
}
