import { utf8ToBytes } from '@noble/hashes/utils.js'
import { verifyBytes } from '../../schema/btauth.ts'
import { invalid } from '../../schema/problem.ts'
import { type ProofVerdict, verdictStatement } from '../../schema/proof.ts'
import type { Ctx } from '../ctx.ts'
import type { ProofRow } from '../store/proofs.ts'

/** Clocks of validators and ours differ by less. */
const APART_MS = 2 * 60_000

/** Takes only what this validator signed of this very proof, so that whoever reads it later can check all of it. Throws `invalid_request`. */
export function checkVerdict(ctx: Ctx, sender: string, proof: ProofRow, verdict: ProofVerdict): void {
  const { netuid, validator, hotkey, at_ms, result, gpus } = verdict
  const no = (field: string, message: string) => invalid(`verdict.${field}`, message)
  if (validator !== sender) throw no('validator', `it is of ${validator}, and ${sender} sent it`)
  if (netuid !== ctx.config.NETUID) throw no('netuid', `this edge serves subnet ${ctx.config.NETUID}`)
  if (verdict.proof !== proof.id) throw no('proof', `it is about ${verdict.proof}, and ${proof.id} is to be closed`)
  if (hotkey !== proof.hotkey) throw no('hotkey', `${proof.id} is of ${proof.hotkey}`)
  if (at_ms < proof.openedAt - APART_MS || at_ms > ctx.now() + APART_MS) throw no('at_ms', 'it is not of the time of this proof; set the clock')
  const theirs = new Set(proof.gpus.map((g) => g.uuid))
  const stranger = gpus.find((g) => !theirs.has(g.uuid))
  if (stranger) throw no('gpus', `${stranger.uuid} was not in this proof`)
  if (new Set(gpus.map((g) => g.uuid)).size !== gpus.length) throw no('gpus', 'a card stands twice')
  if ((result === 'valid') !== gpus.length > 0) throw no('gpus', 'a valid proof names the cards it proved, and no other does')
  if (!verdict.simulated && result === 'valid' && proof.gpus.some((g) => g.simulated)) throw no('simulated', 'its miner only says that the cards are there')
  if (!verifyBytes(validator, utf8ToBytes(verdictStatement(verdict)), verdict.signature)) throw no('signature', 'it is not by this validator over this content')
}
