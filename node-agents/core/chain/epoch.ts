import { Batch } from './batch.ts'
import { count, flag } from './plain.ts'
import type { EpochState } from './types.ts'
import { noSubnet } from './hyperparameters.ts'
import type { Link } from './wire.ts'

/**
 * Where a subnet stands in its epochs, in one round trip and so at one block. Runtimes without stateful epochs have none of their
 * items (null); those without `RevealPeriodEpochs` reveal after one epoch.
 * @throws ChainError `SubnetNotExists`
 */
export async function readEpoch(link: Link, netuid: number, at: string | undefined): Promise<EpochState> {
  const batch = new Batch(link)
  const of = [netuid]
  const block = batch.want('System.Number', [], count)
  const there = batch.want('NetworksAdded', of, flag)
  const tempo = batch.want('Tempo', of, count)
  const lastEpochBlock = batch.wantAny(['LastEpochBlock'], of, count, null)
  const pendingEpochAt = batch.wantAny(['PendingEpochAt'], of, count, null)
  const epochIndex = batch.wantAny(['SubnetEpochIndex'], of, count, null)
  const blocksSinceLastStep = batch.want('BlocksSinceLastStep', of, count)
  const revealPeriodEpochs = batch.wantAny(['RevealPeriodEpochs'], of, count, 1)
  await batch.read(at)
  if (!there()) throw noSubnet(netuid)
  return {
    at: block(),
    netuid,
    tempo: tempo(),
    lastEpochBlock: lastEpochBlock(),
    pendingEpochAt: pendingEpochAt(),
    epochIndex: epochIndex(),
    blocksSinceLastStep: blocksSinceLastStep(),
    revealPeriodEpochs: revealPeriodEpochs(),
  }
}
