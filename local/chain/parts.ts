import { type Genesis } from './subtensor/genesis.ts'
import { subtensor } from './subtensor/part.ts'
import type { Part } from './types.ts'

/** What the development chain is made of besides its frame. */
export function defaultParts(options: Partial<Genesis>): Part[] {
  return [subtensor(options)]
}
