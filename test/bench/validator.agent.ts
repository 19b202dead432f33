import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChainControl } from '../../local/chain/control.ts'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import { realClock } from '../../node-agents/core/clock.ts'
import { hotkeyFromSeed } from '../../node-agents/core/hotkey.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import { Meeting } from '../../node-agents/core/meeting.ts'
import type { Control } from '../../node-agents/core/ports.ts'
import { makeSigner } from '../../node-agents/core/signer.ts'
import { Follow } from '../../node-agents/validator/follow.ts'
import { Market } from '../../node-agents/validator/loops/market.ts'
import { FINISHED } from '../../node-agents/validator/loops/evidence.ts'
import { planWeights } from '../../node-agents/validator/loops/plan.ts'
import { Queryable, rulesOf } from '../../node-agents/validator/loops/queryable.ts'
import { Scores } from '../../node-agents/validator/loops/scores.ts'
import { signScores } from '../../node-agents/validator/loops/statement.ts'
import { readCatalog } from '../../node-agents/core/catalog.ts'
import { State } from '../../node-agents/validator/state.ts'
import { openStore } from '../../node-agents/validator/store/open.ts'
import { type StateMiner, validatorState, VERSION_INT } from '../../schema/index.ts'

// What the bench weighs: a validator with n uids on the chain at argv[2], cycle by cycle: the metagraph and limits of a new block, the
// market from the edge's JSON with the signed numbers of another validator, the filter, scores from the store and back into it, weights.
// Prints one JSON line.

const [url = '', size = ''] = process.argv.slice(2)
const NETUID = 27
const CYCLES = 7
const CARDS = 8
const COLDKEY = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const DAY_MS = 24 * 3600_000

const log = makeLog('error', 'bench')
const clock = realClock
const stop = new AbortController()
const control = new ChainControl(url)
const [own, other] = [hotkeyFromSeed(new Uint8Array(32).fill(1)), hotkeyFromSeed(new Uint8Array(32).fill(2))]

/** Both may set weights; everybody else on the subnet is a miner. */
async function settle(): Promise<void> {
  for (const { address } of [own, other]) {
    const uid = await control.register(NETUID, address, COLDKEY)
    await control.stake(address, NETUID, 10n ** 15n)
    await control.permit(NETUID, uid, true)
  }
  const there = await control.get<number>('SubtensorModule.SubnetworkN', NETUID)
  await control.populate(NETUID, Number(size) - there)
  await control.advance()
}

function minerOf(hotkey: string, i: number): StateMiner {
  const card = (n: number) => ({ uuid: `GPU-${i}-${n}`, model: 'NVIDIA H200', vram_mb: 143_771, simulated: false, rented: n % 2 === 0, rented_ms: DAY_MS })
  const gpus = Array.from({ length: CARDS }, (_, n) => card(n))
  const rest = {
    version: '2.0.0',
    online: 'online' as const,
    available: true,
    address: '198.18.0.1',
    simulated: false,
    reported_at_ms: clock.wallMs(),
    proof_due: false,
  }
  return { hotkey, ...rest, gpus }
}

/** What the edge says, as text, and what is known of proofs: four of each miner. */
async function prepare(hotkeys: string[], store: Awaited<ReturnType<typeof openStore>>): Promise<string> {
  const miners = hotkeys.map(minerOf)
  const at = clock.wallMs()
  for (const { hotkey, gpus } of miners) {
    const cards = gpus.map(({ uuid, model }) => ({ uuid, model, rentedMs: DAY_MS }))
    const proof = { hotkey, result: 'valid' as const, gpus: cards, simulated: false, reason: null, durationMs: 30_000, block: 1, at }
    for (let i = 0; i < 4; i++) await store.keepProof(proof)
  }
  await store.keepProgress({ job: FINISHED, block: 1, at, trouble: null })
  const told = hotkeys.map((hotkey) => ({ hotkey, score: 50, gpus: { model: 'NVIDIA H200', count: CARDS }, own: true }))
  const scores = [signScores(told, { netuid: NETUID, block: 1, at_ms: at }, makeSigner(other))]
  return JSON.stringify({ netuid: NETUID, development: true, at_ms: at, miners, scores, penalties: [] })
}

/** An edge that was met: all that is left out of a cycle is the network. */
class Met extends Meeting {
  override async ready(): Promise<void> {}
}

const dir = await mkdtemp(join(tmpdir(), 'bench-validator-'))
const store = await openStore(dir, log)
const chain = connectChain({ endpoints: [url], genesis: null, log })
try {
  await settle()
  chain.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  await chain.ready(stop.signal)
  const everybody = (await chain.metagraph(NETUID))?.neurons ?? []
  if (everybody.length !== Number(size)) throw new Error(`${everybody.length} neurons, not ${size}`)
  const state = await State.open(dir)
  const text = await prepare(
    everybody.map((n) => n.hotkey).filter((hotkey) => hotkey !== own.address),
    store,
  )
  await store.follow(everybody, clock.wallMs())

  const edge: Pick<Control, 'state' | 'identity'> = { state: async () => validatorState.parse(JSON.parse(text)), identity: async () => '' }
  const meeting = new Met({ control: edge, state, pin: '', clock, log })
  const hotkey = own.address
  const follow = new Follow({ chain, netuid: NETUID, hotkey, clock, log })
  const rules = { blacklistHotkeys: [], blacklistColdkeys: [], blacklistExploiters: true, minimumVersion: VERSION_INT, versionQuorum: 60 }
  const queryable = new Queryable(rulesOf(rules, hotkey), log)
  const market = new Market({ control: edge, meeting, state, store, settled: { passed: async () => undefined }, netuid: NETUID, clock, log })
  const scores = new Scores({ follow, queryable, store, state, catalog: readCatalog(), hotkey, clock, log, onRound: () => undefined })
  follow.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })

  const cycle = async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const deaf = follow.onView(resolve)
    await control.newBlocks()
    await promise
    deaf()
    if (follow.view?.metagraph) queryable.look(follow.view.metagraph)
    await market.fetch(stop.signal)
    const weights = await planWeights({ follow, scores, store, clock, burn: 0.1, hotkey, netuid: NETUID })
    if ('none' in weights) throw new Error(weights.none)
    if (weights.uids.length < Number(size) / 2) throw new Error(`weights for ${weights.uids.length} of ${size} uids`)
  }
  const sample: number[] = []
  for (let i = 0; i < CYCLES; i++) {
    const before = process.cpuUsage()
    await cycle()
    const { user, system } = process.cpuUsage(before)
    sample.push((user + system) / 1000)
  }
  console.log(JSON.stringify({ first: sample[0], cpu: sample.slice(1), mb: process.memoryUsage().rss / 1e6 }))
} finally {
  stop.abort()
  await store.close()
  await rm(dir, { recursive: true })
}
process.exit(0)
