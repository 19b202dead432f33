import { compact, littleEndian } from '../scale/bytes.ts'
import type { Root } from '../state/state.ts'
import { State } from '../state/state.ts'
import { type Context, DispatchFailure, type Pallet, type Value } from '../types.ts'
import { fee, nonceOf, pay, REF_TIME, useNonce } from './accounts.ts'
import { type Block, type Edit, makeHeader, slotDigest } from './block.ts'
import { check, type Stage } from './check.ts'
import { Events, type Phase } from './events.ts'
import { type DecodedCall, inherent } from './extrinsic.ts'
import type { Pooled } from './pool.ts'

/** BlockHashCount: how many hashes the state keeps. */
const HASHES_KEPT = 2400

export type Plan = {
  parent: Block
  genesis: string
  nowMs: number
  pallets: Map<string, Pallet>
  edits: Edit[]
  transactions: Pooled[]
  /** Makes two blocks of the same content two blocks. */
  salt: number
}

/** A block on top of its parent, the transactions that turned out bad on the way, and what edits threw that no longer fit. */
export function execute(plan: Plan): { block: Block; refused: { pooled: Pooled; error: unknown }[]; broken: unknown[] } {
  const { parent, nowMs, pallets } = plan
  const { runtime } = parent
  const state = new State(runtime, rootOf(parent))
  const number = parent.number + 1
  const events = new Events(runtime)
  const context = (phase: Phase): Context => ({ storage: state, block: number, nowMs, emit: (name, ...fields) => events.add(phase, name, fields) })

  initialize(state, parent, nowMs)
  const broken: unknown[] = []
  for (const edit of plan.edits) {
    const before = state.root
    try {
      edit(context('initialization'))
    } catch (error) {
      state.root = before
      broken.push(error)
    }
  }
  for (const pallet of pallets.values()) pallet.onInitialize?.(context('initialization'))
  state.put('Timestamp.Now', [], nowMs)
  const extrinsics = [inherent(runtime, 'Timestamp.set', compact(nowMs))]
  context({ extrinsic: 0 }).emit('System.ExtrinsicSuccess', dispatchInfo('Mandatory', false))

  const stage: Stage = { state, runtime, pallets, number, nowMs, genesis: plan.genesis, parentHash: parent.hash }
  const included: Pooled[] = []
  const refused: { pooled: Pooled; error: unknown }[] = []
  for (const pooled of plan.transactions) {
    if (pooled.extrinsic.nonce > nonceOf(state, pooled.extrinsic.signer)) continue // waits in the pool
    const before = { root: state.root, events: events.length }
    try {
      const call = check(pooled.extrinsic, stage)
      apply(pooled, call, stage, context({ extrinsic: extrinsics.length }), events)
      extrinsics.push(pooled.extrinsic.hex)
      included.push(pooled)
    } catch (error) {
      state.root = before.root
      events.cutTo(before.events)
      refused.push({ pooled, error })
    }
  }
  state.put('System.EventCount', [], events.length)
  state.putHex(runtime.key(runtime.item('System.Events'), []), events.hex())
  const [header, hash] = makeHeader(runtime, { parentHash: parent.hash, number, extrinsics, nowMs, salt: littleEndian(plan.salt, 8) })
  const { root, touched } = state
  const block = { hash, number, parent, header, extrinsics, transactions: included, edits: plan.edits, nowMs, runtime, root, touched, answers: new Map() }
  return { block, refused, broken }
}

/** Throws for a block whose state is no longer kept. */
export function rootOf(block: Block): Root {
  if (block.root === undefined) throw new Error(`the state of block ${block.number} is no longer kept`)
  return block.root
}

function initialize(state: State, parent: Block, nowMs: number): void {
  state.put('System.Number', [], parent.number + 1)
  state.put('System.ParentHash', [], parent.hash)
  state.put('System.BlockHash', [parent.number], parent.hash)
  state.put('System.Digest', [], { logs: [slotDigest(nowMs)] })
  if (parent.number >= HASHES_KEPT) state.remove('System.BlockHash', [parent.number - HASHES_KEPT])
}

/** Nonce and fee stay whatever the call does; of a failed call nothing else does. */
function apply(pooled: Pooled, call: DecodedCall, { state, pallets }: Stage, ctx: Context, events: Events): void {
  const { extrinsic } = pooled
  useNonce(ctx, extrinsic)
  const cost = fee(extrinsic, call)
  if (cost > 0n) {
    pay(ctx, extrinsic.signer, -cost)
    ctx.emit('Balances.Withdraw', extrinsic.signer, cost)
  }
  const before = { root: state.root, events: events.length }
  let failure: DispatchFailure | null = null
  try {
    const run = pallets.get(call.pallet)?.calls[call.name]
    if (!run) throw new DispatchFailure('System.CallFiltered')
    run({ ...ctx, who: extrinsic.signer }, call.values)
  } catch (error) {
    if (!(error instanceof DispatchFailure)) throw error
    failure = error
    state.root = before.root
    events.cutTo(before.events)
  }
  const info = dispatchInfo('Normal', !call.free)
  if (cost > 0n) ctx.emit('TransactionPayment.TransactionFeePaid', extrinsic.signer, cost, extrinsic.tip)
  if (failure) ctx.emit('System.ExtrinsicFailed', failure.message, info)
  else ctx.emit('System.ExtrinsicSuccess', info)
}

function dispatchInfo(dispatchClass: 'Normal' | 'Mandatory', pays: boolean): Value {
  return { weight: { ref_time: REF_TIME, proof_size: 0 }, class: dispatchClass, pays_fee: pays ? 'Yes' : 'No' }
}
