import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import type { OpenRequest } from '../../node-agents/core/proof/request.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import { at, type Cheat, SlowGpu } from './pog.ts'

/** A command as it comes over the wire. */
export type Told = { c: string; g?: number; n?: string | number; seed?: string; nonce?: string } & Partial<OpenRequest>
/** A line of the script before it is written down. */
export type Said = { t: string; g?: number } & Record<string, unknown>

/** Bytes without end, for as long as anybody takes them. */
export type Flood = { forever: Uint8Array }

/** What a prover does, one thing after another. */
export type Deed =
  | Said
  /** Bytes as they are. */
  | Uint8Array
  | Flood
  /** The script ends. */
  | 'end'
  /** The connection is torn. */
  | 'tear'

/** How a prover differs from an honest one. */
export type Twist = {
  /** What its GPUs do instead of their work. */
  cheat?: Cheat | ((gpu: number) => Cheat)
  /** What it does instead of each honest answer to a command; `told` is null for its greeting. */
  instead?: (answer: Said[], told: Told | null) => Deed[]
}

/** What a host runs: it greets, and answers commands. */
export type Prover = { greeting(): Deed[]; answer(line: string): Deed[] }

/** A prover in JavaScript, made of slow GPUs: answers each command as the script does, or as its twist has it. For small sizes. */
export class FakeProver implements Prover {
  readonly #gpus: number
  readonly #sizes: Sizes
  readonly #twist: Twist
  #made: SlowGpu[] = []

  constructor(gpus: number, sizes: Sizes, twist: Twist = {}) {
    this.#gpus = gpus
    this.#sizes = sizes
    this.#twist = twist
  }

  greeting(): Deed[] {
    return this.#do(
      this.#each((g) => ({ t: 'hello', v: 2, torch: 'none', g, name: 'a GPU', mem: 80_000_000_000 })),
      null,
    )
  }

  answer(line: string): Deed[] {
    const told = JSON.parse(line) as Told
    return this.#do(this.#honest(told), told)
  }

  #do(answer: Said[], told: Told | null): Deed[] {
    return this.#twist.instead?.(answer, told) ?? answer
  }

  #honest(told: Told): Said[] {
    const g = told.g ?? 0
    switch (told.c) {
      case 'ping':
        return [{ t: 'pong', n: told.n }]
      case 'prep':
        return this.#each((g) => ({ t: 'ready', g, engine: 'slow' }))
      case 'go':
        this.#made = this.#each((gpu) => this.#make({ sizes: this.#sizes, seed: Buffer.from(told.seed ?? '', 'hex') }, gpu))
        return this.#each((g) => ({ t: 'tip', g, h: at(this.#made, g).tip.toString('hex') }))
      case 'sweep':
        return [{ t: 'swp', g, h: Buffer.from(at(this.#made, g).sweep(Buffer.from(told.nonce ?? '', 'hex')).transcript.swp).toString('hex') }]
      case 'roots': {
        const { roots, swr } = at(this.#made, g).transcript
        return [
          { t: 'roots', g, d: base64(roots) },
          { t: 'swr', g, root: Buffer.from(swr).toString('hex') },
        ]
      }
      case 'open': {
        const { n, K } = this.#sizes
        // One that lies about its sizes opens what it has.
        const rows = (told.rows ?? []).map(([t, i]): [number, number] => [Math.min(t, K), i % n])
        const openings = at(this.#made, g).open({ rows, u: told.u ?? [] })
        return [...openings.map((d, k) => ({ t: 'o', g, k, d: base64(d) })), { t: 'done', g }]
      }
      default:
        return []
    }
  }

  #make(challenge: Challenge, gpu: number): SlowGpu {
    const { cheat = {} } = this.#twist
    return new SlowGpu(challenge, gpu, typeof cheat === 'function' ? cheat(gpu) : cheat)
  }

  #each<T>(make: (g: number) => T): T[] {
    return Array.from({ length: this.#gpus }, (_, g) => make(g))
  }
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
