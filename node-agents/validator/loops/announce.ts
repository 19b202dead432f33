import { VERSION_INT } from '../../../schema/index.ts'
import { type Announcement, type Decision, serveAndRead, serveDecision, type Tried } from '../../core/chain/announce.ts'
import { ChainError } from '../../core/chain/errors.ts'
import type { Block } from '../../core/chain/types.ts'
import type { Hotkey } from '../../core/hotkey.ts'
import type { Log } from '../../core/log.ts'
import type { Chain } from '../../core/ports.ts'
import type { ValidatorConfig } from '../config.ts'
import type { Follow } from '../follow.ts'

/** Where the original says that its metrics are: what counts to its readers is the version. */
const PROMETHEUS_PORT = 8091

export type AnnounceDeps = { chain: Chain; follow: Follow; by: Hotkey; netuid: number; wanted: Announcement; log: Log }

/** What is to stand on chain about the metrics; null: nothing. */
export function wantedOf({ prometheusIp, prometheusPort, metrics }: Pick<ValidatorConfig, 'prometheusIp' | 'prometheusPort' | 'metrics'>): Announcement | null {
  return prometheusIp === null ? null : { ip: prometheusIp, port: prometheusPort ?? metrics?.port ?? PROMETHEUS_PORT, version: VERSION_INT }
}

/** Says on chain where the metrics of this validator are, when it stands there otherwise and the chain's limit allows. */
export class Announce {
  readonly #d: AnnounceDeps
  #tried: Tried | null = null
  decided: Decision | null = null

  constructor(deps: AnnounceDeps) {
    this.#d = deps
  }

  /** Rejects with a `ChainError`. Who is not on the subnet announces nothing. */
  async step(block: Block): Promise<void> {
    const { chain, follow, by, netuid, wanted, log } = this.#d
    const view = follow.view
    if (!view?.limits || !view.metagraph?.neurons.some((n) => n.hotkey === by.address)) return
    const onChain = await chain.prometheus(netuid, by.address, block.hash)
    this.decided = serveDecision({ wanted, onChain, head: block.number, rateLimit: view.limits.servingRateLimit, lastTry: this.#tried })
    if (this.decided.do === 'refuse') throw new ChainError('Refused', 'request', `--prometheus-ip: ${this.decided.reason}`, false)
    if (this.decided.do !== 'serve') return
    this.#tried = { block: block.number, failures: 0 } // the job behind this has the patience after a failure
    const shown = await serveAndRead(chain, 'prometheus', by, { netuid, ...wanted })
    log.info({ ...wanted, block: shown.block }, 'the place of the metrics is announced on chain')
  }
}
