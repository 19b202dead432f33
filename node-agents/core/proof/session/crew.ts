import { Malformed } from '../fault.ts'
import type { Random } from '../random.ts'
import type { Sizes } from '../sizes.ts'
import { type GpuMessage, GpuTalk, type Step } from './talk.ts'
import type { Committed } from './types.ts'

/** The talks with all GPUs of one machine, and where all of them are to come before it goes on. */
export class Crew {
  readonly talks: GpuTalk[]
  #goal: { step: Step; reached: () => void } | null = null

  constructor(gpus: number, sizes: Sizes, random: Random) {
    this.talks = Array.from({ length: gpus }, (_, gpu) => new GpuTalk(gpu, sizes, random))
  }

  /** Whose line this is. @throws Malformed when there is no such GPU */
  of(message: GpuMessage): GpuTalk {
    const talk = this.talks[message.g]
    if (!talk) throw new Malformed(`a line is of GPU ${message.g}, and there are ${this.talks.length}`)
    return talk
  }

  /** All begin one step now. @returns when they have come to another */
  go(from: Step, to: Step, nowMs: number, limitMs: number): Promise<void> {
    for (const talk of this.talks) talk.begin(from, nowMs, limitMs)
    return new Promise((resolve) => {
      this.#goal = { step: to, reached: resolve }
    })
  }

  /** To be called when one may have come further. */
  look(): void {
    const { step } = this.#goal ?? {}
    if (step && this.talks.every((talk) => talk.isAt(step))) this.arrive()
  }

  /** Whoever waits need not wait any longer. */
  arrive(): void {
    this.#goal?.reached()
    this.#goal = null
  }

  /** The GPU whose time is up first, of those that have not yet come where all are to come. */
  slowest(): GpuTalk | null {
    const { step } = this.#goal ?? {}
    const behind = step ? this.talks.filter((talk) => !talk.isAt(step)) : []
    return behind.reduce<GpuTalk | null>((slowest, talk) => (slowest && slowest.dueMs <= talk.dueMs ? slowest : talk), null)
  }

  /** Of those that have committed to everything. */
  committed(): Committed[] {
    return this.talks.flatMap((talk) => talk.committed() ?? [])
  }
}
