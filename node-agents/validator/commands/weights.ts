import { askAgent } from '../../core/ask.ts'
import { Mistake } from '../../core/mistake.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { SETTINGS } from '../config.ts'
import { weightsAnswer } from '../operator/answers.ts'
import type { Hands } from './index.ts'
import { matrixText } from './matrix-text.ts'
import { weightsText } from './weights-text.ts'

const WANTED = { state: SETTINGS.state }
const ABOUT = `Show the last weights: what was wanted, what stands on chain, when the next are due.
Exits with 1 while what stands there is not what was wanted`
const HELP = `Usage: compute validator weights show [--matrix] [--json]\n\n${ABOUT}`

/** States after which the weights of a cycle are not on chain. */
const FAILED: readonly string[] = ['lost', 'different', 'refused']

/** `compute validator weights show`, also as `compute weights show`. */
export async function weightsCommand([verb, ...argv]: string[], { env, out }: Hands): Promise<number> {
  if (verb === '--help' || verb === '-h') {
    out(HELP)
    return 0
  }
  if (verb !== 'show') throw new Mistake(`compute validator weights ${verb ?? ''}`.trimEnd() + ' is no command; there is: compute validator weights show')
  const command = buildCommand('compute validator weights show', ABOUT, WANTED)
    .option('--matrix', 'with the weights of all validators')
    .option('--json', 'print JSON, all of it')
  const values = readSettings(command, WANTED, argv, env)
  if (!values) return 0
  const { matrix = false, json = false } = command.opts<{ matrix?: boolean; json?: boolean }>()
  const answer = await askAgent(values.state, 'GET', matrix ? '/weights/matrix' : '/weights', weightsAnswer)
  out(json ? JSON.stringify(answer) : [weightsText(answer, Date.now()), ...(answer.matrix ? [matrixText(answer)] : [])].join('\n\n'))
  return answer.cycles.some((c) => c.id === answer.of_cycle && FAILED.includes(c.state)) ? 1 : 0
}
