import type { Measured } from '../../../../schema/index.ts'
import type { Card } from '../../catalog.ts'
import { LEAST_SHARE, residentGb } from './memory.ts'

/** How far honest cards of one name lie apart: standard deviations of the logarithms. Estimates until several cards were measured. */
const SIGMA = { tops: 0.06, gbs: 0.03, vram_gb: 0.01 } as const

/** How likely an owner switches error correction to what the card was not delivered with. Chosen. */
const SWITCHED = 0.01

export type Likely = { card: Card; /** 0 to 1; all add up to 1. */ probability: number }

/** Which card of the catalogue it is, were each as likely beforehand and all of them honest; the likeliest first. */
export function posterior(measured: Measured, cards: readonly Card[]): Likely[] {
  const logs = cards.map((card) => logLikelihood(measured, card))
  // The largest is taken off first: all of them may be too small for a double.
  const most = Math.max(...logs)
  const weights = logs.map((log) => Math.exp(log - most))
  const sum = weights.reduce((a, b) => a + b, 0)
  return cards.map((card, i) => ({ card, probability: (weights[i] ?? 0) / sum })).sort((a, b) => b.probability - a.probability)
}

function logLikelihood(measured: Measured, { expected, memory }: Card): number {
  const off = (value: number, mean: number, sigma: number) => (Math.log(value / mean) / sigma) ** 2 / 2
  const filled = (mib: number) => off(measured.vram_gb, residentGb(mib), SIGMA.vram_gb)
  const space = Math.min(filled(memory.mib), filled(memory.mib * LEAST_SHARE) - Math.log(SWITCHED))
  return -off(measured.tops, expected.tops, SIGMA.tops) - off(measured.gbs, expected.gbs, SIGMA.gbs) - space
}
