import type { Measured } from '../../../../schema/index.ts'

/** What a miner says its cards are: one name for all of them. */
export type Claim = { model: string; count: number; vramMb: number; simulated: boolean }

/**
 * `proven`: all gates of the claimed model hold. `paid_down`: not all, but all of a lesser model, which `model` names. `refused`: of none.
 * `simulated`: the cards are only said to be there; arithmetic was checked and speed was not.
 */
export type Identity = {
  result: 'proven' | 'paid_down' | 'refused' | 'simulated'
  /** What it is paid as; null: refused. */
  model: string | null
  measured: Measured
  /** That it is `model` and none of its neighbours in the catalogue, 0 to 1; null: nothing to compare with. */
  confidence: number | null
  runnerUp: string | null
  flags: string[]
  /** One sentence with the numbers and the gates, for people. */
  text: string
}
