import { toConfig } from '../../core/common-settings.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { CHECK_SETTINGS } from '../config.ts'
import type { Hands } from './index.ts'

const ABOUT = `Check this host; give it the flags of the agent, and
--json for programs, --no-proof to leave out the proof of GPU, which takes half a minute or more`

/** `compute miner doctor …`: the flags of the agent, none of them needed; what is no flag of the agent is the doctor's own. */
export async function doctor(argv: string[], hands: Hands): Promise<number> {
  const command = buildCommand('compute miner doctor', ABOUT, CHECK_SETTINGS)
  command.allowUnknownOption().allowExcessArguments()
  const values = readSettings(command, CHECK_SETTINGS, argv, hands.env)
  if (!values) return 0
  const { doctorCommand } = await import('../doctor/command.ts')
  return doctorCommand(toConfig(values), command.args, { makeDriver: hands.makeDriver })
}
