import { Batch } from './batch.ts'
import { ChainError } from './errors.ts'
import { pin } from './pin.ts'
import { amount, count, flag, struct } from './plain.ts'
import type { Hyperparameters } from './types.ts'
import type { Link } from './wire.ts'

const METHOD = 'SubnetInfoRuntimeApi.get_selective_metagraph'
/** The runtime's SelectiveMetagraphIndex of these. */
const IN_FORCE = [25, 28]
const inForce = struct((field) => ({ maxWeightsLimit: field('maxWeightsLimit', count), activityCutoff: field('activityCutoff', count) }))

/**
 * What governs a subnet at one block. Where a runtime is so old that it lacks an item, this is what it did: no commit-reveal
 * (false, version 0, one epoch), everybody may register, no threshold of stake (`WeightsMinStake` before it had its name), one mechanism.
 * @throws ChainError `SubnetNotExists`; `NotInRuntime` for any other missing item
 */
export async function readHyperparameters(link: Link, netuid: number, at: string | undefined): Promise<Hyperparameters> {
  const { hash } = await pin(link, at)
  const batch = new Batch(link)
  const of = [netuid]
  const there = batch.want('NetworksAdded', of, flag)
  const wanted = {
    tempo: batch.want('Tempo', of, count),
    immunityPeriod: batch.want('ImmunityPeriod', of, count),
    maxUids: batch.want('MaxAllowedUids', of, count),
    minAllowedWeights: batch.want('MinAllowedWeights', of, count),
    weightsVersionKey: batch.want('WeightsVersionKey', of, amount),
    weightsRateLimit: batch.want('WeightsSetRateLimit', of, count),
    servingRateLimit: batch.want('ServingRateLimit', of, count),
    commitRevealEnabled: batch.wantAny(['CommitRevealWeightsEnabled'], of, flag, false),
    commitRevealVersion: batch.wantAny(['CommitRevealWeightsVersion'], [], count, 0),
    revealPeriodEpochs: batch.wantAny(['RevealPeriodEpochs'], of, count, 1),
    maxValidators: batch.want('MaxAllowedValidators', of, count),
    registrationAllowed: batch.wantAny(['NetworkRegistrationAllowed'], of, flag, true),
    burn: batch.want('Burn', of, amount),
    stakeThreshold: batch.wantAny(['StakeThreshold', 'WeightsMinStake'], [], amount, 0n),
    mechanisms: batch.wantAny(['MechanismCountCurrent'], of, count, 1),
  }
  const limits = wantLimits(link, batch, netuid, hash)
  await batch.read(hash)
  if (!there()) throw noSubnet(netuid)
  const read = Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, value()])) as {
    [K in keyof typeof wanted]: ReturnType<(typeof wanted)[K]>
  }
  return { ...read, ...(await limits()) }
}

export function noSubnet(netuid: number): ChainError {
  return new ChainError('SubnetNotExists', 'request', `There is no subnet ${netuid} on this chain: check --netuid and --chain`, false)
}

/** Newer runtimes keep old values of these in storage that bind nobody: there their call tells what is in force. */
function wantLimits(link: Link, batch: Batch, netuid: number, hash: string): () => Promise<{ maxWeightsLimit: number; activityCutoff: number }> {
  if (link.hasMethod(METHOD)) {
    return async () => inForce(await link.call(METHOD, [netuid, IN_FORCE], hash), 'the metagraph')
  }
  const maxWeightsLimit = batch.want('MaxWeightsLimit', [netuid], count)
  const activityCutoff = batch.want('ActivityCutoff', [netuid], count)
  return async () => ({ maxWeightsLimit: maxWeightsLimit(), activityCutoff: activityCutoff() })
}
