/** What a timelocked commit holds. A null hotkey: the early form, which did not name it. */
export type Payload = { hotkey: string | null; uids: number[]; values: number[]; versionKey: bigint }

/** SCALE: (hotkey bytes, uids, values, version key), or without the hotkey; null when it is neither. Bytes behind it are ignored, as on chain. */
export function parsePayload(bytes: Uint8Array): Payload | null {
  const full = read(bytes, (from) => ({ hotkey: from.bytes(), ...from.weights() }))
  if (full && full.hotkey.length >= 32) return { ...full, hotkey: `0x${Buffer.from(full.hotkey.subarray(0, 32)).toString('hex')}` }
  const early = read(bytes, (from) => from.weights())
  return early && { hotkey: null, ...early }
}

function read<T>(bytes: Uint8Array, how: (from: Scale) => T): T | null {
  try {
    return how(new Scale(bytes))
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Just what a payload needs. Throws a RangeError where the bytes end too early. */
class Scale {
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  weights(): { uids: number[]; values: number[]; versionKey: bigint } {
    const uids = this.#u16s()
    const values = this.#u16s()
    return { uids, values, versionKey: this.#view.getBigUint64(this.#take(8), true) }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#list(1, (at) => this.#view.getUint8(at)))
  }

  #u16s(): number[] {
    return this.#list(2, (at) => this.#view.getUint16(at, true))
  }

  #list(size: number, one: (at: number) => number): number[] {
    const length = this.#compact()
    if (length * size > this.#view.byteLength - this.#at) throw new RangeError('a list longer than what is left')
    return Array.from({ length }, () => one(this.#take(size)))
  }

  #compact(): number {
    const mode = this.#view.getUint8(this.#at) & 3
    if (mode === 0) return this.#view.getUint8(this.#take(1)) >> 2
    if (mode === 1) return this.#view.getUint16(this.#take(2), true) >> 2
    if (mode === 2) return this.#view.getUint32(this.#take(4), true) >>> 2
    throw new RangeError('a length beyond any list of weights')
  }

  #take(size: number): number {
    const at = this.#at
    this.#at += size
    return at
  }
}
