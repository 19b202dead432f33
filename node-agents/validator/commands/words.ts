import type { Gpus } from '../../../schema/index.ts'

/** Numbers of a validator as people read them. */

export const points = (score: number) => score.toFixed(2)

/** A share of the whole. */
export const percent = (share: number) => `${(share * 100).toFixed(2)} %`

export const cards = (gpus: Gpus) => (gpus ? `${gpus.count} x ${gpus.model}` : '-')
