import type { Ended } from './types.ts'

/** Why a session ends without a proof, in words for people. `gpu`: because of this one. */
export class Failure extends Error {
  readonly ended: Exclude<Ended, 'complete'>
  readonly gpu: number | null
  constructor(ended: Exclude<Ended, 'complete'>, message: string, gpu: number | null = null, cause?: unknown) {
    super(message, { cause })
    this.name = 'Failure'
    this.ended = ended
    this.gpu = gpu
  }
}
