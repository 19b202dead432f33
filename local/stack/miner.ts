import { join } from 'node:path'
import * as z from 'zod'
import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { readJson } from '../../node-agents/core/files.ts'
import type { Driver, Owner } from '../../node-agents/core/ports.ts'
import { dockerDriver } from '../../node-agents/miner/docker/driver.ts'
import { boxDriver } from '../box/driver.ts'
import { Child } from './child.ts'
import type { Choice } from './engine.ts'
import { hotkeyAt } from './wallet.ts'

/** Every rental of the stack is for this machine only. */
const HOST = '127.0.0.1'
const identity = z.object({ install: z.string() })

export type MinerOptions = {
  /** Folder of this miner alone: wallet, agent's state. */
  folder: string
  log: string
  name: string
  choice: Choice
  ports: { first: number; last: number }
  /** What it announces on the chain, which takes no 127.0.0.1. */
  axonIp: string
  /** `--simulate-gpu`, or null for the GPUs of this machine. */
  simulate: string | null
}

/** One miner of the stack: a wallet that outlives the process, and the agent. */
export class StackMiner {
  readonly hotkey: string
  readonly options: MinerOptions
  #child: Child | null = null

  private constructor(hotkey: string, options: MinerOptions) {
    this.hotkey = hotkey
    this.options = options
  }

  /** Reads its wallet, or makes one. */
  static async open(options: MinerOptions): Promise<StackMiner> {
    return new StackMiner(await hotkeyAt(join(options.folder, 'hotkey')), options)
  }

  /** Starts the agent. @param registration the edge's `url#fingerprint` */
  start(registration: string, chain: string, netuid: number): Child {
    const { name, folder, log, choice, ports, axonIp, simulate } = this.options
    const args = {
      '--edge': registration,
      '--hotkey-file': join(folder, 'hotkey'),
      '--state': join(folder, 'state'),
      '--address': HOST,
      '--bind': HOST,
      '--ports': `${ports.first}-${ports.last}`,
      '--images': choice.image,
      '--reconnect-jitter-ms': '1000',
      '--chain': chain,
      '--netuid': String(netuid),
      '--axon-ip': axonIp,
      ...(choice.socket && { '--docker': choice.socket }),
      ...(simulate && { '--simulate-gpu': simulate }),
    }
    this.#child = new Child({ name, script: 'local/miner.ts', flags: AGENT_FLAGS, args: [choice.driver, ...Object.entries(args).flat()], log })
    return this.#child
  }

  async stop(): Promise<void> {
    await this.#child?.stop()
  }

  kill(): void {
    this.#child?.kill()
  }

  /** `kill -9`: resolves when it is dead. */
  async crash(): Promise<void> {
    this.#child?.kill()
    await this.#child?.stop()
  }

  /** Stops what it rented out, to be started again by its agent; or removes it for good. The agent must not run. */
  async halt(edge: string, how: 'stop' | 'remove'): Promise<void> {
    const kept = await readJson(join(this.options.folder, 'state', 'identity.json'), identity, 'Its containers are left as they are.')
    if (!kept) return
    const owner: Owner = { edge, hotkey: this.hotkey, install: kept.install }
    const driver = this.#driver()
    const { containers } = await driver.list(owner)
    if (how === 'remove') await Promise.all(containers.map((c) => driver.remove(owner, c)))
    else await Promise.all(containers.filter((c) => c.state !== 'exited' && c.state !== 'created').map((c) => driver.stop(owner, c)))
  }

  #driver(): Driver {
    const { choice, folder } = this.options
    if (choice.driver === 'box') return boxDriver({ root: join(folder, 'state', 'boxes') })
    return dockerDriver({ bindAddress: HOST, ...(choice.socket && { socket: choice.socket }) })
  }
}
