import type { Context, Value } from '../../types.ts'
import { hotkeysOf } from '../neurons.ts'
import { type Stake, stakeOf } from '../stake.ts'
import { get, indexOf } from '../state.ts'

const NO_AXON = { block: 0n, version: 0, ip: 0n, port: 0, ip_type: 0, protocol: 0, placeholder1: 0, placeholder2: 0 }
const NO_PROMETHEUS = { block: 0n, version: 0, ip: 0n, port: 0, ip_type: 0 }

/** One subnet for the length of one question: what several of its answers need is read once. */
export class View {
  readonly ctx: Context
  readonly netuid: number
  /** Of weights, incentive and last updates: that of the mechanism asked for. */
  readonly index: number
  #hotkeys: string[] | undefined
  #coldkeys: string[] | undefined
  #stakes: Stake[] | undefined

  constructor(ctx: Context, netuid: number, mechanism = 0) {
    this.ctx = ctx
    this.netuid = netuid
    this.index = indexOf(netuid, mechanism)
  }

  get<T extends Value = Value>(item: string, ...keys: Value[]): T {
    return get<T>(this.ctx, item, ...keys)
  }

  get hotkeys(): string[] {
    return (this.#hotkeys ??= hotkeysOf(this.ctx, this.netuid))
  }

  get coldkeys(): string[] {
    return (this.#coldkeys ??= this.hotkeys.map((hotkey) => this.get<string>('Owner', hotkey)))
  }

  get stakes(): Stake[] {
    return (this.#stakes ??= this.hotkeys.map((hotkey) => stakeOf(this.ctx, this.netuid, hotkey)))
  }

  axon(hotkey: string): Value {
    return this.get('Axons', this.netuid, hotkey) ?? NO_AXON
  }

  prometheus(hotkey: string): Value {
    return this.get('Prometheus', this.netuid, hotkey) ?? NO_PROMETHEUS
  }

  /** Blocks after which a validator that set no weights counts no more. */
  get activityCutoff(): bigint {
    const blocks = (BigInt(this.get<number>('ActivityCutoffFactorMilli', this.netuid)) * BigInt(this.get<number>('Tempo', this.netuid))) / 1000n
    return blocks > 0n ? blocks : 1n
  }
}
