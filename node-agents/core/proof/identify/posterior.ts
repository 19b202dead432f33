import type { Measured } from '../../../../schema/index.ts'
import type { Card } from '../../catalog.ts'
import { leastResidentGb, residentGb } from './memory.ts'

/** How far honest cards of one name lie apart: standard deviations of the logarithms. Estimates until several cards were measured. */
const SIGMA = { tops: 0.06, gbs: 0.03, vram_gb: 0.01 } as const

export type Likely = { card: Card; /** 0 to 1; all add up to 1. */ probability: number }

/** Which card of the catalogue it is, were each as likely beforehand and all of them honest; the likeliest first. */
export function posterior(measured: Measured, cards: readonly Card[]): Likely[] {
  const logs = cards.map((card) => -misfit(measured, card) / 2)
  // The largest is taken off first: all of them may be too small for a double.
  const most = Math.max(...logs)
  const weights = logs.map((log) => Math.exp(log - most))
  const sum = weights.reduce((a, b) => a + b, 0)
  return cards.map((card, i) => ({ card, probability: (weights[i] ?? 0) / sum })).sort((a, b) => b.probability - a.probability)
}

/** Squared distance in standard deviations. */
function misfit(measured: Measured, card: Card): number {
  const off = (value: number, low: number, high: number) => Math.log(value / Math.min(Math.max(value, low), high))
  const { tops, gbs } = card.expected
  const z = [
    off(measured.tops, tops, tops) / SIGMA.tops,
    off(measured.gbs, gbs, gbs) / SIGMA.gbs,
    // With error correction or without: both are that card.
    off(measured.vram_gb, leastResidentGb(card), residentGb(card.memory.mib)) / SIGMA.vram_gb,
  ]
  return z.reduce((sum, each) => sum + each ** 2, 0)
}
