import { Mistake } from '../../core/mistake.ts'
import type { CheckConfig } from '../config.ts'

/** `compute miner doctor`. @param argv what the settings of the agent did not take @returns the exit code */
export async function doctorCommand(config: CheckConfig, argv: string[]): Promise<number> {
  if (argv.length > 0) throw new Mistake(`compute miner doctor knows no ${argv.join(' ')}`)
  throw new Mistake(`no checks of ${config.state} yet`)
}
