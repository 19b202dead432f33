import { readCatalog } from '../core/catalog.ts'
import { realClock } from '../core/clock.ts'
import { EdgeClock, HttpControl } from '../core/control.ts'
import { loadHotkey } from '../core/hotkey.ts'
import type { Log } from '../core/log.ts'
import { Meeting } from '../core/meeting.ts'
import type { Chain, Prover, ProofTarget } from '../core/ports.ts'
import { makeSigner } from '../core/signer.ts'
import type { ValidatorConfig } from './config.ts'
import { Follow } from './follow.ts'
import { Announce, wantedOf } from './loops/announce.ts'
import { counted } from './loops/counted.ts'
import { Market } from './loops/market.ts'
import { planWeights } from './loops/plan.ts'
import { Places } from './loops/places.ts'
import { Proofs, ROUND } from './loops/proofs.ts'
import { Publish } from './loops/publish.ts'
import { Purge } from './loops/purge.ts'
import { Queryable, rulesOf } from './loops/queryable.ts'
import { EVERY, jobsOf } from './loops/schedule.ts'
import { Scores } from './loops/scores.ts'
import { Post } from './post.ts'
import { folderOf } from './proofs/bundles.ts'
import { classOf } from './proofs/claim.ts'
import { type ProverParts, proverOf } from './proofs/make.ts'
import { freeCards } from './proofs/plan.ts'
import { WAVE } from './proofs/barrier.ts'
import type { State } from './state.ts'
import type { Validator } from './status.ts'
import type { Store } from './store/types.ts'
import { WeightCycles } from './weights/cycles.ts'

/** What a test may put in place of the real thing. */
export type Hands = { prover?: Prover; proof?: ProverParts; score?: ConstructorParameters<typeof Scores>[0]['score'] }
type Outside = { state: State; store: Store; chain: Chain; log: Log; hands: Hands }

/** Puts a validator together. Nothing is asked of anybody yet. */
export async function assemble(config: ValidatorConfig, { state, store: file, chain, log, hands }: Outside): Promise<Validator> {
  const { hotkeyFile, edge, netuid } = config
  const clock = realClock
  const by = await loadHotkey(hotkeyFile, { warn: (text) => log.warn(text) })
  const signer = makeSigner(by)
  const hotkey = by.address
  const storeErrors = { count: 0 }
  const store = counted(file, storeErrors)
  const progress = await store.progress()
  const control = new HttpControl(edge.url, signer, () => receiverOf(state), new EdgeClock(clock))
  const meeting = new Meeting({ control, state, pin: edge.pin, clock, log })
  const follow = new Follow({ chain, netuid, hotkey, clock, log })
  const post = new Post({ chain, control, meeting, state, netuid, hotkey, clock, log })
  const purge = new Purge({ chain, follow, store, netuid, clock, log })
  const market = new Market({ control, meeting, state, store, settled: purge.settled, netuid, clock, log })
  const queryable = new Queryable(rulesOf(config, hotkey), log)
  const publish = new Publish({ control, meeting, follow, store, signer, netuid, clock, log })
  const onRound = () => publish.kick()
  const catalog = readCatalog()
  const scores = new Scores({
    follow,
    queryable,
    store,
    state,
    catalog,
    hotkey,
    clock,
    log,
    onRound,
    ...(hands.score && { score: hands.score }),
  })
  const plan = () => planWeights({ follow, scores, store, clock, burn: config.burn, hotkey, netuid })
  const cycles = new WeightCycles({ chain, store, hotkey: by, netuid, every: EVERY.weights, clock, log, plan })
  const nowMs = () => control.time.nowMs()
  const block = () => follow.block?.number ?? 0
  const outside = { control, meeting, chain, store, state, catalog, signer, netuid, block, nowMs, clock, log }
  const prover = hands.prover ?? (await proverOf(config, outside, hands.proof))
  const round = {
    follow,
    queryable,
    market,
    scores,
    store,
    places: new Places(config.maxWorkers),
    wave: Math.min(WAVE, config.maxWorkers),
    classOf: ({ miner }: ProofTarget) => classOf(freeCards(miner), catalog),
    patience: { retries: config.proofRetries, intervalMs: config.proofRetryInterval * 1000 },
    timeoutMs: config.proofTimeout * 1000,
    maxDelayMs: config.maxRandomDelay * 1000,
    every: EVERY.proofs,
    clock,
    log,
    begun: progress.get(ROUND) ?? null,
  }
  const proofs = new Proofs({ prover, ...round })
  const wanted = wantedOf(config)
  const announce = wanted && new Announce({ chain, follow, by, netuid, wanted, log })
  const parts = { chain, follow, store, hotkey, clock, log, purge, queryable, market, scores, cycles, proofs, announce }
  const jobs = jobsOf(parts, progress)
  return { ...parts, netuid, url: edge.url, state, post, publish, jobs, storeErrors, bundles: folderOf(config.state) }
}

function receiverOf(state: State): string {
  const edge = state.edge()
  if (!edge) throw new Error('the edge is not known yet')
  return edge.address
}
