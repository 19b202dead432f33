import type { Gpus } from '../../../schema/index.ts'
import { oneLine } from '../../core/text.ts'

/** How a validator speaks to people. */

/** One thing and what is said of it, which stays on its line. */
export const line = (thing: string, said: string) => `${thing.padEnd(11)}${oneLine(said)}`.trimEnd()

export const points = (score: number) => score.toFixed(2)

/** A share of the whole. */
export const percent = (share: number) => `${(share * 100).toFixed(2)} %`

export const cards = (gpus: Gpus) => (gpus ? `${gpus.count} x ${gpus.model}` : '-')
