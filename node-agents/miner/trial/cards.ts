import * as z from 'zod'
import type { GpuFact } from '../../../schema/index.ts'
import { cardNamed, type Card, type Catalog } from '../../core/catalog.ts'
import { Mistake } from '../../core/mistake.ts'
import { leastOf } from '../../core/proof/identify/least.ts'
import type { Claim } from '../../core/proof/identify/types.ts'
import { nvidiaGpus } from '../nvidia.ts'
import { type Simulated, simulatedGpus } from '../simulate.ts'

/** Which cards to prove: all that are free, every one of the host or none, so many of them, or these. */
export type Wanted = 'all' | 'every' | number | string[]

/** Cards were asked for that tenants have. */
export class RentedOut extends Mistake {
  constructor(what: string) {
    super(`${what} rented: wait, nothing is taken from a tenant`)
    this.name = 'RentedOut'
  }
}

/** Parses `--gpus`. */
export const wanted = z.string().transform((text, ctx): Wanted => {
  const words = text.split(',').map((word) => word.trim())
  if (text.trim() === 'all') return 'all'
  if (/^[1-9][0-9]?$/.test(text.trim())) return Number(text)
  if (words.every((word) => /^GPU-[\w-]{1,124}$/.test(word)) && new Set(words).size === words.length) return words
  ctx.addIssue({ code: 'custom', message: 'all, how many, or UUIDs as of nvidia-smi -L, separated by commas' })
  return z.NEVER
})

/** The cards of this host. Throws a `Mistake` when it has none, or they cannot be seen. */
export async function cardsHere(simulated: Simulated | null, hotkey: string, signal: AbortSignal): Promise<GpuFact[]> {
  if (simulated) return simulatedGpus(hotkey, simulated)
  const seen = await nvidiaGpus(signal)
  if (seen.status === 'ok') return seen.gpus
  if (seen.status === 'failed') throw new Mistake(`the GPUs of this host cannot be seen: ${seen.message}. Run nvidia-smi by hand`)
  throw new Mistake('this host has no NVIDIA GPU to prove; for a try without one: --simulate-gpu "NVIDIA H200:1"')
}

/**
 * The cards to prove, none of which a container holds. Pure.
 * @param held UUIDs that containers hold, the agent's or anybody's
 * @throws RentedOut; Mistake for one that is not here
 */
export function chooseCards(here: readonly GpuFact[], held: readonly string[], which: Wanted): GpuFact[] {
  const taken = new Set(held)
  const free = here.filter(({ uuid }) => !taken.has(uuid))
  if (Array.isArray(which)) return which.map((uuid) => named(here, taken, uuid))
  if (free.length === 0) throw new RentedOut(`all ${here.length} GPUs of this host are`)
  if (which === 'every' && free.length < here.length) throw new RentedOut(`${here.length - free.length} of ${here.length} GPUs are`)
  if (which === 'all' || which === 'every') return free
  if (which <= free.length) return free.slice(0, which)
  if (which <= here.length) throw new RentedOut(`--gpus ${which}: ${here.length - free.length} of ${here.length} GPUs are`)
  throw new Mistake(`--gpus ${which}: this host has ${here.length}`)
}

function named(here: readonly GpuFact[], taken: ReadonlySet<string>, uuid: string): GpuFact {
  const card = here.find((gpu) => gpu.uuid === uuid)
  if (!card) throw new Mistake(`--gpus ${uuid}: there is no such GPU; this host has ${here.map((gpu) => gpu.uuid).join(', ')}`)
  if (taken.has(uuid)) throw new RentedOut(`--gpus ${uuid} is`)
  return card
}

/**
 * What is claimed of these cards, and the card of the catalogue that it is measured against: of several models the least. Pure.
 * @param as another model to be measured against, instead of what nvidia-smi says
 * @throws Mistake for a model that nobody knows
 */
export function claimOf(
  cards: readonly GpuFact[],
  catalog: Catalog,
  { as, simulated }: { as: string | null; simulated: boolean },
): { claim: Claim; card: Card } {
  const models = as === null ? [...new Set(cards.map((gpu) => gpu.model))] : [as]
  const card = leastOf(models.map((model) => known(model, catalog)))
  if (!card) throw new RangeError('a claim of no cards')
  const vramMb = Math.min(...cards.map((gpu) => gpu.vram_mb))
  return { card, claim: { model: card.name, count: cards.length, vramMb, simulated } }
}

function known(model: string, catalog: Catalog): Card {
  const card = cardNamed(catalog, model)
  if (card) return card
  throw new Mistake(`the catalogue has no "${model}", so it earns nothing: measure it against another with --claim, such as ${examples(catalog)}`)
}

const examples = (catalog: Catalog) =>
  catalog.cards
    .slice(0, 3)
    .map(({ name }) => `"${name}"`)
    .join(', ')
