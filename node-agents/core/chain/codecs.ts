import { createHash } from 'node:crypto'
import { reason } from '../mistake.ts'
import type { Codec, RuntimeVersion } from './codec.ts'
import { ChainError } from './errors.ts'
import { bytes, count, nonsense, struct } from './plain.ts'
import type { Rpc } from './rpc.ts'

/** Two runtimes are needed at once for the blocks around an upgrade. A parsed runtime weighs tens of megabytes. */
const KEPT = 2
/** Newest the SDK reads first; 15 is the first that describes runtime APIs. */
const VERSIONS = [15, 14]

const runtimeVersion = struct((field) => ({ specVersion: field('specVersion', count), transactionVersion: field('transactionVersion', count) }))

/**
 * Parsed runtimes. Each connection fetches its own description of a runtime, so that what an endpoint made up is gone with it; what is the
 * same is parsed once. Loads the SDK with the first.
 */
export class Codecs {
  readonly #parsed = new Map<string, Codec>()
  readonly #told = new WeakMap<Rpc, Map<string, Promise<Codec>>>()

  /** The runtime that runs on top of a block. */
  async at(rpc: Rpc, hash: string): Promise<Codec> {
    const version = await rpc.ask('state_getRuntimeVersion', [hash], runtimeVersion)
    const told = this.#told.get(rpc) ?? new Map<string, Promise<Codec>>()
    this.#told.set(rpc, told)
    const key = `${version.specVersion} ${version.transactionVersion}`
    const known = told.get(key)
    if (known) return known
    const made = this.#make(rpc, hash, version)
    keep(told, key, made)
    made.catch(() => told.delete(key))
    return made
  }

  async #make(rpc: Rpc, hash: string, version: RuntimeVersion): Promise<Codec> {
    const [{ Codec }, metadata] = await Promise.all([import('./codec.ts'), fetchMetadata(rpc, hash)])
    const key = `${version.specVersion} ${version.transactionVersion} ${createHash('sha256').update(metadata).digest('hex')}`
    const parsed = this.#parsed.get(key) ?? parse(() => new Codec(metadata, version))
    keep(this.#parsed, key, parsed)
    return parsed
  }
}

function parse(make: () => Codec): Codec {
  try {
    return make()
  } catch (error) {
    throw nonsense('the description of the runtime', `cannot be read (${reason(error)})`)
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  for (const old of [...map.keys()].slice(0, -KEPT)) map.delete(old)
}

/** Newest form that the runtime offers and the SDK reads; the oldest nodes know only one. */
async function fetchMetadata(rpc: Rpc, hash: string): Promise<`0x${string}`> {
  for (const version of VERSIONS) {
    try {
      const answer = await rpc.ask('state_call', ['Metadata_metadata_at_version', u32(version), hash], bytes)
      if (answer.length > 4) return opaque(answer.slice(4))
    } catch (error) {
      if (!(error instanceof ChainError) || error.kind === 'connection') throw error
    }
  }
  return (await rpc.ask('state_getMetadata', [hash], bytes)) as `0x${string}`
}

const u32 = (n: number): string => `0x${Buffer.from(Uint32Array.of(n).buffer).toString('hex')}`

/** Some(bytes with their length in front) to the bytes; `hex` begins after the Some. */
function opaque(hex: string): `0x${string}` {
  const mode = Number.parseInt(hex.slice(0, 2), 16) & 3
  return `0x${hex.slice([2, 4, 8, 10][mode])}`
}
