import type { Measured } from '../../../../schema/index.ts'
import type { Card } from '../../catalog.ts'
import { leastResidentGb } from './memory.ts'

/** Share of what an honest card reaches that a claim must reach: while that is a guess, and once it was measured. */
const ACCEPT = { estimate: 0.85, calibrated: 0.9 } as const

/** The least that passes as this card, in each of what is measured. */
export function gatesOf(card: Card): Measured {
  const accept = card.expected.estimate === null ? ACCEPT.calibrated : ACCEPT.estimate
  return { tops: card.expected.tops * accept, gbs: card.expected.gbs * accept, vram_gb: leastResidentGb(card) }
}

/** What is not enough for this card, as words with both numbers; empty: all gates hold. */
export function shortOf(measured: Measured, card: Card): string[] {
  const gates = gatesOf(card)
  return MEASURES.flatMap(({ name, unit }) => (measured[name] >= gates[name] ? [] : [`${shown(measured[name])} ${unit} of ${shown(gates[name])}`]))
}

export const MEASURES = [
  { name: 'tops', unit: 'TOPS' },
  { name: 'gbs', unit: 'GB/s' },
  { name: 'vram_gb', unit: 'GB' },
] as const

/** Four digits, as people read them. */
export const shown = (x: number): string => String(Number(x.toPrecision(4)))
