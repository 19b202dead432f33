const EMPTY = new Uint8Array(0)

export function fromHex(hex: string): Uint8Array {
  if (!/^0x(?:[0-9a-f]{2})*$/i.test(hex)) throw new Error(`not 0x-hex: ${hex.slice(0, 40)}`)
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return parts.length === 0 ? EMPTY : new Uint8Array(Buffer.concat(parts))
}

/** Little-endian, of a fixed size. Throws when the number does not fit. */
export function littleEndian(n: number | bigint, size: number): Uint8Array {
  const writer = new Writer()
  writer.integer(BigInt(n), size)
  return writer.bytes()
}

/** SCALE's compact integer. */
export function compact(n: number | bigint): Uint8Array {
  const writer = new Writer()
  writer.compact(n)
  return writer.bytes()
}

/** Bytes that grow. */
export class Writer {
  #buffer = Buffer.alloc(256)
  #size = 0

  bytes(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(0, this.#size))
  }

  push(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#size)
    this.#size += bytes.length
  }

  byte(n: number): void {
    this.#room(1)
    this.#buffer[this.#size++] = n
  }

  /** Two's complement, little-endian. */
  integer(n: bigint, size: number, signed = false): void {
    const bits = BigInt(size * 8)
    const [low, high] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
    if (n < low || n > high) throw new Error(`${n} does not fit ${size} bytes`)
    let rest = BigInt.asUintN(Number(bits), n)
    this.#room(size)
    if (size === 8) {
      this.#size = this.#buffer.writeBigUInt64LE(rest, this.#size)
      return
    }
    for (let i = 0; i < size; i++, rest >>= 8n) this.#buffer[this.#size++] = Number(rest & 0xffn)
  }

  /** Unsigned, of up to four bytes: without bigint, since metagraphs are made of these. */
  small(n: number, size: 1 | 2 | 4): void {
    if (!Number.isInteger(n) || n < 0 || n >= 2 ** (8 * size)) throw new Error(`${n} does not fit ${size} bytes`)
    this.#room(size)
    this.#size = this.#buffer.writeUIntLE(n, this.#size, size)
  }

  compact(value: number | bigint): void {
    if (value < 0) throw new Error(`${value} is no compact integer`)
    if (value < 64) this.small(Number(value) * 4, 1)
    else if (value < 2 ** 14) this.small(Number(value) * 4 + 1, 2)
    else if (value < 2 ** 30) this.small(Number(value) * 4 + 2, 4)
    else {
      const n = BigInt(value)
      const size = Math.max(4, Math.ceil(n.toString(16).length / 2))
      this.byte((size - 4) * 4 + 3)
      this.integer(n, size)
    }
  }

  #room(size: number): void {
    if (this.#size + size <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#size + size))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}

/** Reads from the front. Every read past the end throws. */
export class Reader {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  take(size: number): Uint8Array {
    if (size > this.left) throw new Error(`${size} bytes wanted, ${this.left} left`)
    this.at += size
    return this.#bytes.subarray(this.at - size, this.at)
  }

  rest(): Uint8Array {
    return this.take(this.left)
  }

  byte(): number {
    return this.small(1)
  }

  small(size: 1 | 2 | 4): number {
    return this.take(size).reduceRight((n, byte) => n * 256 + byte, 0)
  }

  integer(size: number, signed = false): bigint {
    const n = this.take(size).reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n)
    return signed ? BigInt.asIntN(size * 8, n) : n
  }

  compact(): bigint {
    const first = this.byte()
    const mode = first & 3
    if (mode === 3) return this.integer((first >> 2) + 4)
    this.at--
    const size = mode === 0 ? 1 : mode === 1 ? 2 : 4
    return BigInt(Math.floor(this.small(size) / 4))
  }

  /** A compact integer that counts what follows. */
  length(): number {
    const n = this.compact()
    if (n > this.left) throw new Error(`${n} parts announced, ${this.left} bytes left`)
    return Number(n)
  }
}
