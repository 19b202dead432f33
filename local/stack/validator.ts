import { join } from 'node:path'
import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { Child } from './child.ts'
import { record } from './recorded.ts'
import { hotkeyAt } from './wallet.ts'

export type ValidatorOptions = {
  /** Folder of this validator alone: wallet, agent's state. */
  folder: string
  log: string
}

/** The validator of the stack: a wallet that outlives the process, and the agent. */
export class StackValidator {
  readonly hotkey: string
  readonly #o: ValidatorOptions
  #child: Child | null = null

  private constructor(hotkey: string, options: ValidatorOptions) {
    this.hotkey = hotkey
    this.#o = options
  }

  static async open(options: ValidatorOptions): Promise<StackValidator> {
    return new StackValidator(await hotkeyAt(join(options.folder, 'hotkey')), options)
  }

  /** Of the agent: what its commands take as `--state`. */
  get state(): string {
    return join(this.#o.folder, 'state')
  }

  /**
   * Starts the agent.
   * @param registration the edge's `url#fingerprint`
   * @param believed the miners that are believed to have the cards they were given; null: all are proved
   */
  async start(registration: string, chain: string, netuid: number, believed: { hotkeys: string[]; simulate: string | null } | null): Promise<Child> {
    const { folder, log } = this.#o
    const recorded = join(folder, 'proofs.json')
    if (believed) await record(recorded, believed.hotkeys, believed.simulate)
    const args = {
      '--edge': registration,
      '--hotkey-file': join(folder, 'hotkey'),
      '--state': this.state,
      '--chain': chain,
      '--netuid': String(netuid),
      '--max-random-delay': '0',
      ...(believed && { '--recorded-proofs': recorded }),
    }
    this.#child = new Child({ name: 'validator', script: 'local/validator.ts', flags: AGENT_FLAGS, args: Object.entries(args).flat(), log })
    return this.#child
  }

  async stop(): Promise<void> {
    await this.#child?.stop()
  }

  kill(): void {
    this.#child?.kill()
  }
}
