import type { Card } from '../../catalog.ts'

/** Of several models that are proved together the least, which the better ones can do too. Pure. Null: there are none. */
export function leastOf(cards: readonly Card[]): Card | null {
  return cards.toSorted(lesserFirst)[0] ?? null
}

const lesserFirst = (a: Card, b: Card) => a.score - b.score || a.vendor.int8_tops - b.vendor.int8_tops || a.vendor.bandwidth_gbs - b.vendor.bandwidth_gbs
