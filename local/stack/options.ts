import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { imageReference } from '../../schema/index.ts'
import { Mistake } from '../../node-agents/core/mistake.ts'
import { simulateGpu } from '../../node-agents/miner/simulate.ts'

const ROOT = join(import.meta.dirname, '../..')
const SIMULATED = 'NVIDIA H200:8'

export type UpOptions = {
  demo: boolean
  port: number
  state: string
  driver: 'docker' | 'box' | undefined
  image: string | undefined
  miners: number
  /** null: the GPUs of this machine. */
  simulate: string | null
}

type Given = { demo?: true; port: string; state: string; driver?: 'docker' | 'box'; image?: string; simulateGpu?: string }

/** What `npm start -- …` was asked for. Throws a Mistake naming the flag; null when help was asked for and printed. */
export function parseOptions(args: string[], env: Record<string, string | undefined>, hasGpus = nvidiaAnswers): UpOptions | null {
  const command = new Command('npm start --')
    .description('The whole market on this machine: database, edge, miners. Ctrl-C stops it, a second start resumes.')
    .option('--demo', 'rent, log in, release, print the times, and stop; leaves nothing behind')
    .option('--port <n>', 'port of the edge', '8787')
    .option('--state <folder>', 'where everything is kept', join(ROOT, '.local'))
    .addOption(new Option('--driver <name>', 'what rentals run in (default: docker when an engine answers)').choices(['docker', 'box']))
    .option('--image <reference>', 'image with an SSH server (default: COMPUTE_IMAGE, else the newest compute-workspace:*)')
    .addOption(new Option('--simulate-gpu <model:count>', `GPUs to pretend to have (default: "${SIMULATED}" where nvidia-smi does not answer)`))
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return null
    throw new Mistake(`${error.message.replace(/^error: /, '')}. npm start -- --help says what is possible`, error)
  }
  const given = command.opts<Given>()
  const simulate = given.simulateGpu ?? (hasGpus() ? null : SIMULATED)
  return {
    demo: given.demo === true,
    port: port(given.port),
    state: resolve(given.state),
    driver: given.driver,
    image: check('--image', given.image ?? (env['COMPUTE_IMAGE'] || undefined), imageReference),
    // Two agents on one host would offer the same real cards twice.
    miners: simulate === null ? 1 : 2,
    simulate: check('--simulate-gpu', simulate, simulateGpu),
  }
}

type Schema = { safeParse(text: string): { success: boolean; error?: { issues: { message: string }[] } | undefined } }

function check<T extends string | undefined | null>(flag: string, text: T, schema: Schema): T {
  const result = typeof text === 'string' ? schema.safeParse(text) : { success: true }
  if (!result.success) throw new Mistake(`${flag} cannot be ${JSON.stringify(text)}: ${result.error?.issues.map((i) => i.message).join('; ')}`)
  return text
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new Mistake(`--port cannot be ${JSON.stringify(text)}: give a number from 1 to 65535, or 0 for any free one`)
  return Number(text)
}

function nvidiaAnswers(): boolean {
  return spawnSync('nvidia-smi', ['-L'], { timeout: 20_000 }).status === 0
}
