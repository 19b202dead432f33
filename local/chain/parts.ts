import { drand, type DrandOptions } from './drand/part.ts'
import type { Genesis } from './subtensor/genesis.ts'
import { subtensor } from './subtensor/part.ts'
import type { Part } from './types.ts'

export type PartOptions = Partial<Genesis> & { drand?: Partial<DrandOptions> }

/** What the development chain is made of besides its frame. */
export function defaultParts({ drand: beacon, ...genesis }: PartOptions): Part[] {
  return [subtensor(genesis), drand(beacon)]
}
