import { SCORE_STALE_MS } from '../../../schema/index.ts'
import type { Metagraph } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import type { Clock } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Catalog } from '../../core/catalog.ts'
import { peerNumbers } from '../score/peers.ts'
import { scoreMiner } from '../score/score.ts'
import { summary } from '../score/table.ts'
import type { MinerView } from '../score/types.ts'
import type { State } from '../state.ts'
import type { Stat, Store } from '../store/types.ts'
import { NotYet } from './job.ts'
import type { Queryable } from './queryable.ts'
import { scoreAll, type Unscored } from './round.ts'

export type ScoresDeps = {
  follow: Follow
  queryable: Queryable
  store: Store
  state: State
  catalog: Catalog
  hotkey: string
  clock: Clock
  log: Log
  /** Each is called after a round. */
  onRound: () => void
  /** Left out: the formula. */
  score?: typeof scoreMiner
}

/** The numbers of this validator, and everything they came from. */
export class Scores {
  readonly #d: ScoresDeps
  /** The last round; null: none since the start. */
  last: { block: number; atMs: number; rows: Stat[]; unscored: number } | null = null
  /** The round that runs, if any: rounds come one after another. */
  #running: Promise<unknown> = Promise.resolve()
  #told = new Map<string, string>()

  constructor(deps: ScoresDeps) {
    this.#d = deps
  }

  /** Scores everybody on the subnet now, and keeps it. Rejects with `NotYet` before the chain and the edge have told what it takes. */
  round(): Promise<Stat[]> {
    const next = this.#running.then(() => this.#round())
    this.#running = next.catch(() => undefined) // the caller has it
    return next
  }

  async #round(): Promise<Stat[]> {
    const { follow, state, store, clock, log, onRound } = this.#d
    const m = follow.view?.metagraph
    if (!m) throw new NotYet('the subnet was not read yet')
    const development = state.development()
    if (development === null) throw new NotYet('the edge did not say yet which miners there are')
    const nowMs = clock.wallMs()
    const [views, before] = await Promise.all([this.#views(m, nowMs), store.stats()])
    const round = { nowMs, block: m.block.number, development }
    const { score = scoreMiner, catalog } = this.#d
    const { rows, unscored } = scoreAll({ views, before, nowMs, block: m.block.number, score: (view) => score(view, round, catalog) })
    await store.keepStats(rows)
    this.#tell(unscored)
    this.last = { block: m.block.number, atMs: nowMs, rows, unscored: unscored.length }
    log.info({ block: m.block.number, miners: rows.length, scored: rows.filter((r) => r.score > 0).length, unscored: unscored.length }, 'scores are computed')
    if (log.isLevelEnabled('debug')) log.debug(`\n${summary(rows)}`)
    onRound()
    return rows
  }

  async #views(m: Metagraph, nowMs: number): Promise<MinerView[]> {
    const { queryable, store, hotkey } = this.#d
    const [specs, proofs, liveness, penalties, peers] = await Promise.all([
      store.specs(),
      store.proofs(),
      store.liveness(),
      store.penalties(nowMs),
      store.peers(),
    ])
    const filtered = queryable.of(m)
    const numbers = peerNumbers(peers, m, hotkey, nowMs)
    return m.neurons.map((neuron) => {
      const row = filtered.get(neuron.hotkey)
      if (!row) throw new Error(`uid ${neuron.uid} is not in the filter`)
      return {
        neuron,
        filtered: row,
        miner: specs.get(neuron.hotkey)?.miner ?? null,
        proofs: proofs.get(neuron.hotkey) ?? [],
        liveness: liveness.get(neuron.hotkey) ?? { attempts: 0, successes: 0 },
        penalty: penalties.get(neuron.hotkey) ?? null,
        peers: numbers.get(neuron.hotkey) ?? [],
      }
    })
  }

  /** Once for each miner, until it is another reason or over. */
  #tell(unscored: Unscored[]): void {
    const told = new Map(unscored.map(({ hotkey, error }) => [hotkey, String(error)]))
    const hours = SCORE_STALE_MS / 3600_000
    for (const { hotkey, error, kept } of unscored) {
      if (this.#told.get(hotkey) === told.get(hotkey)) continue
      const meanwhile = kept ? `its last score stands, for ${hours} hours at most` : 'it has none meanwhile'
      this.#d.log.error({ err: error, hotkey }, `the score of ${hotkey} cannot be computed: ${meanwhile}`)
    }
    this.#told = told
  }
}
