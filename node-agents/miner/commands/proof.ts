import { Option } from 'commander'
import { resolve } from 'node:path'
import { imageReference } from '../../../schema/index.ts'
import { toConfig } from '../../core/common-settings.ts'
import { Mistake } from '../../core/mistake.ts'
import { DriverError, ShellError } from '../../core/ports.ts'
import { buildCommand, readSettings } from '../../core/settings.ts'
import { type CheckConfig, CHECK_SETTINGS } from '../config.ts'
import { text } from '../doctor/finding.ts'
import { INTERRUPTED, uninterrupted } from '../interrupt.ts'
import { type Wanted, wanted } from '../trial/cards.ts'
import { LOCAL, type Order, startTrial } from '../trial/start.ts'
import type { Trial } from '../trial/trial.ts'
import type { Hands } from './index.ts'

const ABOUT = `Prove the GPUs of this host to yourself, as a validator would: a container of its own, the whole session over SSH.
Give it the flags of the agent; compute miner proof is the same. It takes no GPU that is rented, and the agent rents out none of those it proves meanwhile.
Exit codes: 0 a validator would say valid, or simulated; 1 it would not; 2 it could not begin`

type Options = { gpus?: string; image?: string; bundle?: string; claim?: string; selftest?: boolean; json?: boolean }

/** `compute proof run`, with the flags of the agent. */
export async function proofCommand(argv: string[], { env, out, makeDriver }: Hands): Promise<number> {
  const command = buildCommand('compute proof run', ABOUT, CHECK_SETTINGS)
    .option('--gpus <all|n|uuid,…>', 'which to prove (default: all that are free)')
    .option('--image <reference>', 'image to prove in (default: the first of --images that is here)')
    .option('--bundle <file>', 'where the evidence goes (default: a new one in trial/ of --state)')
    .option('--claim <model>', 'measure against this model, instead of the one that nvidia-smi names')
    .option('--selftest', 'known answers on every engine of the cards first')
    .addOption(new Option('--json', 'for programs: one line'))
  const values = readSettings(command, CHECK_SETTINGS, argv, env)
  if (!values) return 0
  const options = command.opts<Options>()
  const tell = options.json ? () => undefined : (line: string) => out(`${line} …`)
  const [config, order] = [toConfig(values), orderOf(options, tell)]
  const trial = await uninterrupted((signal) => run(config, makeDriver, order, signal))
  if (!trial) return INTERRUPTED
  out(options.json ? JSON.stringify(shownAsJson(trial)) : shown(trial))
  return trial.result === 'valid' ? 0 : 1
}

async function run(config: CheckConfig, makeDriver: Hands['makeDriver'], order: Order, signal: AbortSignal): Promise<Trial> {
  const driver = await makeDriver({ ...config, bind: LOCAL })
  try {
    return await startTrial(config, driver, order, signal)
  } catch (error) {
    if (signal.aborted) throw error
    if (error instanceof DriverError) throw new Mistake(`the container engine: ${error.message}. compute miner doctor says more`, error)
    if (error instanceof ShellError) throw new Mistake(`SSH into the container: ${error.message}. Does ssh work in a container of that image?`, error)
    throw error
  } finally {
    await driver.close?.()
  }
}

function orderOf({ gpus = 'all', image, bundle, claim, selftest = false }: Options, tell: Order['tell']): Order {
  const named = image === undefined ? null : imageOf(image)
  return { which: whichOf(gpus), image: named, as: claim ?? null, bundle: bundle === undefined ? undefined : resolve(bundle), selftest, tell }
}

function whichOf(given: string): Wanted {
  const parsed = wanted.safeParse(given)
  if (parsed.success) return parsed.data
  throw new Mistake(`--gpus cannot be ${JSON.stringify(given)}: ${parsed.error.issues.map((i) => i.message).join('; ')}`)
}

function imageOf(given: string): string {
  const parsed = imageReference.safeParse(given)
  if (parsed.success) return parsed.data
  throw new Mistake(`--image cannot be ${JSON.stringify(given)}: ${parsed.error.issues.map((i) => i.message).join('; ')}`)
}

function shown({ findings, says, bundle }: Trial): string {
  const kept = bundle ? [`Evidence: ${bundle.path}, SHA-256 ${bundle.digest}`, `To check it anywhere: compute proof verify ${bundle.path}`] : []
  return ['', text(findings), '', `A validator would say: ${says}`, ...kept].join('\n')
}

function shownAsJson({ session, ...trial }: Trial) {
  const timed = session && {
    ended: session.ended,
    phase: session.phase,
    times: session.times,
    rtt_ms: session.rttMs,
    bytes: session.bytes,
    claims: session.claims,
  }
  return { ...trial, session: timed }
}
