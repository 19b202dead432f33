import type { Metagraph } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import type { ValidatorConfig } from '../config.ts'
import { EXPLOITERS } from '../exploiters.ts'
import { filter } from '../score/filter.ts'
import type { Filtered, FilterRules } from '../score/types.ts'

/** @param own hotkey of this validator */
export function rulesOf(
  config: Pick<ValidatorConfig, 'blacklistHotkeys' | 'blacklistColdkeys' | 'blacklistExploiters' | 'minimumVersion' | 'versionQuorum'>,
  own: string,
): FilterRules {
  const blacklist = {
    hotkeys: new Set(config.blacklistHotkeys),
    coldkeys: new Set(config.blacklistColdkeys),
    exploiters: new Set(config.blacklistExploiters ? EXPLOITERS : []),
  }
  return { own, blacklist, minimumVersion: config.minimumVersion, quorum: config.versionQuorum }
}

/** Who is proved and given weight, looked at anew now and then, so that an address that comes and goes does not flicker. */
export class Queryable {
  readonly #rules: FilterRules
  readonly #log: Log
  #last: Filtered[] = []
  #byHotkey = new Map<string, Filtered>()

  constructor(rules: FilterRules, log: Log) {
    this.#rules = rules
    this.#log = log
  }

  /** As of the last look: neurons by why they are left out; `included`: they are not. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...Map.groupBy(this.#last, (f) => f.excluded ?? 'included')].map(([why, rows]) => [why, rows.length]))
  }

  look(m: Metagraph): void {
    const before = JSON.stringify(this.counts)
    this.#last = filter(m.neurons, this.#rules)
    this.#byHotkey = new Map(this.#last.map((f) => [f.hotkey, f]))
    const counts = this.counts
    this.#log[JSON.stringify(counts) === before ? 'debug' : 'info'](
      { block: m.block.number, ...counts },
      `miners to prove: ${counts['included'] ?? 0} of ${m.neurons.length}`,
    )
  }

  /** One for each neuron; looks anew when somebody is there who was not. */
  of(m: Metagraph): ReadonlyMap<string, Filtered> {
    if (m.neurons.some((n) => this.#byHotkey.get(n.hotkey)?.uid !== n.uid)) this.look(m)
    return this.#byHotkey
  }
}
