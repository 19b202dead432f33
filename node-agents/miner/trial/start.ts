import { access, mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readCatalog } from '../../core/catalog.ts'
import { makeStateDir } from '../../core/files.ts'
import { loadHotkey } from '../../core/hotkey.ts'
import { lockFile } from '../../core/lock.ts'
import { errno, Mistake } from '../../core/mistake.ts'
import type { Driver, Owner } from '../../core/ports.ts'
import { ENDING, PARTIAL, seePlace } from '../../core/proof/bundle/write.ts'
import { PYTHON } from '../../core/proof/over-ssh.ts'
import { sshShell } from '../../core/ssh/client.ts'
import type { CheckConfig } from '../config.ts'
import { cardsHere, chooseCards, claimOf, type Wanted } from './cards.ts'
import { ownerOf, sweepRooms } from './room.ts'
import { type Trial, runTrial } from './trial.ts'

/** Stands for the hotkey on a host that has none. */
const NOBODY = 'nobody'
const FOLDER = 'trial'
/** Files of evidence that was given no other place: so many stay. */
const KEPT = 8

export type Order = {
  which: Wanted
  /** Null: the first of --images that is here. */
  image: string | null
  /** The model to be measured against; null: what the cards say they are. */
  as: string | null
  /** Where the evidence goes; undefined: beside the agent's state; null: none is kept. */
  bundle: string | null | undefined
  /** Known answers first. */
  selftest: boolean
  tell: (text: string) => void
}

/** Ports on which this host listens for itself alone, whatever --bind says. */
export const LOCAL = '127.0.0.1'

/**
 * Proves cards of this host that nobody has rented; nothing of the agent's is touched. One at a time for each state directory.
 * Rejects with a `Mistake` saying why it cannot begin; else as `runTrial`.
 */
export async function startTrial(config: CheckConfig, driver: Driver, order: Order, signal: AbortSignal): Promise<Trial> {
  const folder = await trialFolder(config.state)
  const unlock = await lockFile(join(folder, 'lock'))
  if (!unlock) throw new Mistake('another compute proof run is at work here: wait for it, or give this one its own --state directory')
  try {
    const owner = ownerOf(folder)
    const left = await sweepRooms(driver, owner, signal)
    if (left > 0) order.tell(`${left} ${left === 1 ? 'container' : 'containers'} that an earlier run left ${left === 1 ? 'is' : 'are'} removed`)
    return await begin(config, driver, owner, order, { folder, signal })
  } finally {
    unlock()
  }
}

async function begin(
  config: CheckConfig,
  driver: Driver,
  owner: Owner,
  order: Order,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<Trial> {
  const { which, as, selftest, tell } = order
  await driver.info(signal) // it lays the walls between containers, and learns what bounds them
  const image = await imageHere(driver, order.image, config.images ?? [], signal)
  const hotkey = await hotkeyOf(config.hotkeyFile)
  const simulated = config.simulateGpu !== null
  const [here, { foreignGpus }] = [await cardsHere(config.simulateGpu, hotkey, signal), await driver.list(owner, signal)]
  const cards = chooseCards(here, foreignGpus, which)
  if (cards.length < here.length) tell(`${cards.length} of ${here.length} GPUs are proved`)
  const catalog = readCatalog()
  const claimed = claimOf(cards, catalog, { as, simulated })
  const { ports } = config
  const bundle = order.bundle === undefined ? await nextBundle(folder) : order.bundle
  if (bundle !== null) await seePlace(bundle) // minutes of work would end there
  return runTrial({ driver, shell: sshShell(), owner, image, cards, ...claimed, catalog, ports, python: PYTHON, hotkey, bundle, selftest, tell, signal })
}

/** A new file beside the newest ones that are kept. Half a one was left by a run that was killed. */
async function nextBundle(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort()
  const whole = names.filter((name) => name.endsWith(ENDING))
  const gone = [...names.filter((name) => name.endsWith(PARTIAL)), ...whole.slice(0, Math.max(0, whole.length - KEPT + 1))]
  for (const name of gone) await rm(join(folder, name), { force: true })
  return join(folder, `${new Date().toISOString().replaceAll(':', '.')}${ENDING}`)
}

async function trialFolder(state: string): Promise<string> {
  await makeStateDir(state)
  await mkdir(join(state, FOLDER), { recursive: true, mode: 0o700 })
  return realpath(join(state, FOLDER))
}

async function imageHere(driver: Driver, named: string | null, allowed: readonly string[], signal: AbortSignal): Promise<string> {
  const references = named === null ? allowed : [named]
  for (const reference of references) if (await driver.hasImage(reference, signal)) return reference
  if (references.length === 0) throw new Mistake('say in which image to prove: --image, or --images as the agent has it')
  throw new Mistake(`${references.join(', ')} ${references.length === 1 ? 'is' : 'are'} not on this host: docker pull ${references[0] ?? ''}`)
}

/** Only names the trial; simulated cards are named after it. */
async function hotkeyOf(path: string): Promise<string> {
  try {
    await access(path)
  } catch (error) {
    if (errno(error) === 'ENOENT') return NOBODY
    throw new Mistake(`--hotkey-file ${path} cannot be read (${errno(error) ?? 'why is not known'}): run this as the user of the agent`, error)
  }
  return (await loadHotkey(path)).address
}
