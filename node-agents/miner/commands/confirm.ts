import { Mistake } from '../../core/mistake.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { confirmed } from '../operator.ts'
import { agentStatus, type AgentStatus } from '../status.ts'
import { askAgent } from '../../core/ask.ts'
import type { Hands } from './index.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = 'Let containers go that the edge does not explain. Without --yes nothing happens: it shows what would be removed'

type Row = AgentStatus['unexplained'][number]
const nameOf = ({ id, incarnation }: Row) => `${id}/${incarnation}`

/** `compute miner confirm [ID/INC … | --all] [--yes]`. */
export async function confirmCommand(argv: string[], { env, out }: Hands): Promise<number> {
  const command = buildCommand('compute miner confirm', ABOUT, WANTED)
    .argument('[container...]', 'such as al_01k…/1')
    .option('--all', 'every one of them')
    .option('--yes', 'do it')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const { all = false, yes = false } = command.opts<{ all?: boolean; yes?: boolean }>()
  const { unexplained } = await askAgent(values.state, 'GET', '/status', agentStatus)
  if (unexplained.length === 0) {
    out('the edge explains every container of this agent: there is nothing to confirm')
    return 0
  }
  const chosen = choose(unexplained, command.args, { all, yes })
  if (!yes) {
    out(`${chosen.map((u) => `${nameOf(u)}  unexplained since ${u.since}`).join('\n')}\n\nNothing was removed. With --yes these are, with all that is in them.`)
    return 1
  }
  // By name, also for --all: what became unexplained since was not meant.
  const { keys } = await askAgent(values.state, 'POST', '/confirm', confirmed, { keys: chosen.map(nameOf) })
  out(keys.length > 0 ? `confirmed, they go now: ${keys.join(', ')}` : 'meanwhile the edge explained them: nothing goes')
  return 0
}

function choose(unexplained: Row[], named: string[], { all, yes }: { all: boolean; yes: boolean }): Row[] {
  if (all && named.length > 0) throw new Mistake('name containers or say --all, not both')
  if (yes && !all && named.length === 0) throw new Mistake('name the containers, or say --all')
  if (all || named.length === 0) return unexplained
  const strange = named.filter((name) => !unexplained.some((u) => nameOf(u) === name))
  if (strange.length > 0) throw new Mistake(`not unexplained: ${strange.join(', ')}; unexplained are ${unexplained.map(nameOf).join(', ')}`)
  return unexplained.filter((u) => named.includes(nameOf(u)))
}
