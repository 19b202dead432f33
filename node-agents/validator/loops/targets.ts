import { type Group, sharedIds } from '../../core/proof/identify/shared.ts'
import type { ProofTarget } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Store } from '../store/types.ts'
import { NotYet } from './job.ts'
import { isRented } from './proof.ts'
import type { Queryable } from './queryable.ts'

export type TargetsDeps = { follow: Follow; queryable: Queryable; store: Pick<Store, 'specs'> }

/** Who can be proved now, and who of all miners lists the same card as another. */
export type Targets = { free: ProofTarget[]; groups: Group[] }

/** Whom the edge does not know nobody can be led to. Rejects with `NotYet` before the subnet was read. */
export async function targetsOf({ follow, queryable, store }: TargetsDeps): Promise<Targets> {
  const m = follow.view?.metagraph
  if (!m) throw new NotYet('the subnet was not read yet')
  const [specs, filtered] = [await store.specs(), queryable.of(m)]
  const included = m.neurons
    .filter((n) => filtered.get(n.hotkey)?.excluded === null)
    .map(({ uid, hotkey }): ProofTarget => ({ uid, hotkey, miner: specs.get(hotkey)?.miner ?? null }))
  const lists = included.map(({ hotkey, miner }) => ({ hotkey, gpus: miner?.gpus.map((g) => g.uuid) ?? [] }))
  return { free: included.filter(({ miner }) => miner !== null && !isRented(miner)), groups: sharedIds(lists) }
}
