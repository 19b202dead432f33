import type { Codec, RuntimeVersion } from './codec.ts'
import { ChainError } from './errors.ts'
import type { Rpc } from './rpc.ts'

/** Two runtimes are needed at once for the blocks around an upgrade. A parsed runtime weighs tens of megabytes. */
const KEPT = 2
/** Newest the SDK reads first; 15 is the first that describes runtime APIs. */
const VERSIONS = [15, 14]

/** Parsed runtimes of one chain, each fetched once, whichever endpoint it came from. Loads the SDK with the first. */
export class Codecs {
  readonly #known = new Map<string, Promise<Codec>>()

  /** The runtime that runs on top of a block. */
  async at(rpc: Rpc, genesis: string, hash: string): Promise<Codec> {
    const version = (await rpc.call('state_getRuntimeVersion', [hash])) as RuntimeVersion
    const key = `${genesis} ${version.specVersion} ${version.transactionVersion}`
    const known = this.#known.get(key)
    if (known) return known
    const made = make(rpc, hash, version)
    this.#known.set(key, made)
    made.catch(() => this.#known.delete(key))
    for (const old of [...this.#known.keys()].slice(0, -KEPT)) this.#known.delete(old)
    return made
  }
}

async function make(rpc: Rpc, hash: string, version: RuntimeVersion): Promise<Codec> {
  const [{ Codec }, metadata] = await Promise.all([import('./codec.ts'), fetchMetadata(rpc, hash)])
  return new Codec(metadata, version)
}

/** Newest form that the runtime offers and the SDK reads; the oldest nodes know only one. */
async function fetchMetadata(rpc: Rpc, hash: string): Promise<`0x${string}`> {
  for (const version of VERSIONS) {
    try {
      const answer = String(await rpc.call('state_call', ['Metadata_metadata_at_version', u32(version), hash]))
      if (answer.length > 4) return opaque(answer.slice(4))
    } catch (error) {
      if (!(error instanceof ChainError) || error.kind === 'connection') throw error
    }
  }
  return String(await rpc.call('state_getMetadata', [hash])) as `0x${string}`
}

const u32 = (n: number): string => `0x${Buffer.from(Uint32Array.of(n).buffer).toString('hex')}`

/** Some(bytes with their length in front) to the bytes; `hex` begins after the Some. */
function opaque(hex: string): `0x${string}` {
  const mode = Number.parseInt(hex.slice(0, 2), 16) & 3
  return `0x${hex.slice([2, 4, 8, 10][mode])}`
}
