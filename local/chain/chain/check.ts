import type { Runtime } from '../runtime/runtime.ts'
import type { State } from '../state/state.ts'
import type { CallContext, Pallet } from '../types.ts'
import { type AccountInfo, fee } from './accounts.ts'
import { RpcError } from './errors.ts'
import { type DecodedCall, decodeCall, type Extrinsic, signedPayload } from './extrinsic.ts'

/** What is needed to judge an extrinsic for one block. */
export type Stage = { state: State; runtime: Runtime; pallets: Map<string, Pallet>; number: number; nowMs: number; genesis: string; parentHash: string }

/** Its call, where the extrinsic is good now or once earlier nonces are used; throws the RpcError a node's pool would answer. */
export function check(extrinsic: Extrinsic, stage: Stage): DecodedCall {
  const call = decode(extrinsic, stage.runtime)
  const era = extrinsic.era(stage.number)
  const birthHash = era === 'immortal' ? stage.genesis : hashOf(stage, era.birth)
  if (birthHash === null) throw RpcError.invalid('Transaction has an ancient birth block')
  if (!extrinsic.verifies(signedPayload(extrinsic, stage.runtime, stage.genesis, birthHash))) throw RpcError.badSignature()
  checkAccount(extrinsic, call, stage.state)
  const custom = stage.pallets.get(call.pallet)?.validate?.(callContext(extrinsic, stage), call.name, call.values)
  if (custom !== null && custom !== undefined) throw RpcError.custom(custom)
  return call
}

function decode(extrinsic: Extrinsic, runtime: Runtime): DecodedCall {
  try {
    return decodeCall(runtime, extrinsic.call)
  } catch (error) {
    throw RpcError.undecodable(error)
  }
}

/** As the chain knows it: the last 2,400. */
function hashOf({ state, number: current, parentHash }: Stage, number: number): string | null {
  if (number === current - 1) return parentHash
  const hash = state.get<string>('System.BlockHash', number)
  return /^0x0+$/.test(hash) ? null : hash
}

/** CheckNonce and ChargeTransactionPayment: a call without a fee may come from an account that has nothing. */
function checkAccount(extrinsic: Extrinsic, call: DecodedCall, state: State): void {
  const account = state.get<AccountInfo>('System.Account', extrinsic.signer)
  if (extrinsic.nonce < account.nonce) throw RpcError.invalid('Transaction is outdated')
  const exists = account.providers > 0 || account.sufficients > 0
  if ((!call.free && !exists) || account.data.free < fee(extrinsic, call)) {
    throw RpcError.invalid('Inability to pay some fees (e.g. account balance too low)')
  }
}

/** Of a look: what it emits is heard by nobody. */
function callContext(extrinsic: Extrinsic, { state, number, nowMs }: Stage): CallContext {
  return { storage: state, block: number, nowMs, who: extrinsic.signer, emit: () => undefined }
}
