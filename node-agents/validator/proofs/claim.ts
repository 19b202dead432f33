import { type Card, cardNamed, type Catalog } from '../../core/catalog.ts'
import { leastOf } from '../../core/proof/identify/least.ts'
import type { Claim } from '../../core/proof/identify/types.ts'
import { shownModel } from '../score/words.ts'

/** A card as its miner says it is. */
export type Shown = { model: string; vram_mb: number; simulated: boolean }

/** What is to be proved; `card`: null where cards are only said to be there. Or why nothing can be. */
export type Claimed = { claim: Claim; card: Card | null } | { none: string }

/**
 * One claim for all cards that are proved together: of several models the least, which the better ones can do too. Pure.
 */
export function claimOf(gpus: readonly Shown[], catalog: Catalog): Claimed {
  const [first] = gpus
  if (!first) return { none: 'none of its cards is free' }
  const [count, vramMb] = [gpus.length, Math.min(...gpus.map((g) => g.vram_mb))]
  if (gpus.some((g) => g.simulated)) return { claim: { model: first.model, count, vramMb, simulated: true }, card: null }
  const cards = gpus.map(({ model }) => cardNamed(catalog, model))
  const unknown = gpus.find((_, i) => cards[i] === null)
  if (unknown) return { none: `the catalogue does not know ${shownModel(unknown.model)}, so nothing says what it should do` }
  const card = leastOf(cards.filter((c) => c !== null))
  if (!card) return { none: 'none of its cards is free' }
  return { claim: { model: card.name, count, vramMb, simulated: false }, card }
}

/** Who starts at the same moment: those who claim the same card, by any of its names. Pure. */
export function classOf(gpus: readonly Shown[], catalog: Catalog): string {
  const claimed = claimOf(gpus, catalog)
  if ('none' in claimed) return 'none'
  return claimed.claim.simulated ? `simulated ${claimed.claim.model}` : claimed.claim.model
}
