import type { Runtime } from '../runtime/runtime.ts'
import { compact, concat, littleEndian, toHex } from '../scale/bytes.ts'
import type { Value } from '../types.ts'

/** When in a block something happened: an extrinsic by its place, or before them. */
export type Phase = { extrinsic: number } | 'initialization'

/** The events of one block, as bytes. */
export class Events {
  #records: Uint8Array[] = []
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get length(): number {
    return this.#records.length
  }

  /** Forgets what came after: a failed call leaves none. */
  cutTo(length: number): void {
    this.#records = this.#records.slice(0, length)
  }

  /** `name` is "Pallet.Event". A field that is a dispatch error may be its name. */
  add(phase: Phase, name: string, fields: Value[]): void {
    const { pallet, variant } = this.#runtime.event(name)
    if (fields.length !== variant.fields.length) throw new Error(`${name} has ${variant.fields.length} fields, not ${fields.length}`)
    const when = phase === 'initialization' ? new Uint8Array([2]) : concat(new Uint8Array([0]), littleEndian(phase.extrinsic, 4))
    const values = variant.fields.map(({ type }, i) => this.#runtime.codec.encode(type, this.#plain(type, fields[i])))
    const noTopics = compact(0)
    this.#records.push(concat(when, new Uint8Array([pallet, variant.index]), ...values, noTopics))
  }

  #plain(type: string, value: Value | undefined): Value | undefined {
    return type === 'DispatchError' && typeof value === 'string' ? this.#runtime.dispatchError(value) : value
  }

  /** As System.Events holds them. */
  hex(): string {
    return toHex(concat(compact(this.#records.length), ...this.#records))
  }
}
