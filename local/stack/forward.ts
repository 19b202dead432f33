import { ChainControl } from '../chain/control.ts'
import { hexOf } from './subnet.ts'

/** A commitment as the chain keeps it: by whom, in which block, sealed how, until which round of the beacon. */
type Timelocked = [who: string, block: string, sealed: string, round: string]

/** Whoever makes a development chain go on faster than time does. */
export class Forward {
  readonly #control: ChainControl
  readonly #netuid: number
  /** The last block that was made here. */
  #head = 0

  constructor(url: string, netuid: number) {
    this.#control = new ChainControl(url)
    this.#netuid = netuid
  }

  /** Makes the chain go on to a block at once, if it is not there yet. */
  async to(block: number): Promise<void> {
    this.#head = (await this.#control.newBlocks()).number
    if (block > this.#head) this.#head = (await this.#control.newBlocks(block - this.#head)).number
  }

  /** Whether somebody who is at a block has seen what was made here: until then it goes by what was. */
  isSeen(block: number | null): boolean {
    return block !== null && block >= this.#head
  }

  /** Whether the chain shows where all these hotkeys are, and where their metrics. */
  async areAnnounced(hotkeys: string[]): Promise<boolean> {
    const asked = hotkeys.flatMap((hotkey) => ['Axons', 'Prometheus'].map((item) => this.#control.get(`SubtensorModule.${item}`, this.#netuid, hexOf(hotkey))))
    return (await Promise.all(asked)).every((served) => served !== null)
  }

  /** Gives the chain the beacon's pulses that commitments wait for: blocks that come before their time bring none. */
  async pulses(): Promise<void> {
    const index = 'SubtensorModule.SubnetEpochIndex'
    const now = Number(await this.#control.get(index, this.#netuid))
    // Committed in this epoch, or in the one before: later than that it is revealed, or gone.
    for (const epoch of [now - 1, now]) {
      const waiting = await this.#control.get<Timelocked[]>('SubtensorModule.TimelockedWeightCommits', this.#netuid, String(Math.max(0, epoch)))
      for (const [, , , round] of waiting) await this.#control.set('Drand.Pulses', [round], await this.#control.call('pulse', { round }))
    }
  }
}
