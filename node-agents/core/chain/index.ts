import { realClock } from '../clock.ts'
import type { Hotkey } from '../hotkey.ts'
import type { Log } from '../log.ts'
import type { Chain, Clock } from '../ports.ts'
import { Connection } from './connection.ts'
import { type Beacon, QUICKNET } from './drand.ts'
import { readEpoch } from './epoch.ts'
import { readHyperparameters } from './hyperparameters.ts'
import { DEFAULTS, type Limits } from './limits.ts'
import { readBalance, readPulse, readTimestamp, readUid } from './lookups.ts'
import { readLastUpdate, readWeightMatrix, readWeights } from './matrix.ts'
import { readMetagraph } from './metagraph.ts'
import { readRevealed } from './revealed.ts'
import { Sender } from './send.ts'
import { axonCall, prometheusCall, readAxon, readPrometheus } from './served.ts'
import type { Receipt } from './types.ts'
import type { Link, RuntimeCall } from './wire.ts'
import { commitWeightsCall, revealWeightsCall, setWeightsCall, timelockedCall } from './writes.ts'

export type ChainOptions = {
  /** In the order to try them. */
  endpoints: string[]
  /** The chain that they must serve; null: the one which the first of them serves. */
  genesis: string | null
  log: Log
  clock?: Clock
  /** From block to block; left out: as the runtime says. */
  blockMs?: number
  /** What opens timelocked weights; left out: drand's quicknet, as on every public chain. */
  beacon?: Beacon
  /** For tests that cannot wait. */
  limits?: Partial<Limits>
}

/** The chain, over one of several endpoints. Nothing happens before `run`. */
export function connectChain(o: ChainOptions): Chain {
  const clock = o.clock ?? realClock
  const limits = { ...DEFAULTS, ...o.limits }
  const connection = new Connection({ endpoints: o.endpoints, genesis: o.genesis, limits, blockMs: o.blockMs ?? null, clock, log: o.log })
  const sender = new Sender(connection, limits, clock)
  const link = async (): Promise<Link> => connection.reader()
  const send = async (by: Hotkey, call: RuntimeCall): Promise<Receipt> => sender.send(by, call, 'inBlock')

  return {
    run: (signal) => connection.run(signal),
    status: () => connection.status(),
    ready: async (signal) => void (await connection.reader(Infinity, signal)),
    onHead: (heard) => connection.onHead(heard),
    onFinalized: (heard) => connection.onFinalized(heard),

    hashAt: async (number) => (await link()).hashAt(number),
    timestampMs: async (at) => readTimestamp(await link(), at),
    metagraph: async (netuid, at) => readMetagraph(await link(), netuid, at),
    hyperparameters: async (netuid, at) => readHyperparameters(await link(), netuid, at),
    epoch: async (netuid, at) => readEpoch(await link(), netuid, at),
    uidOf: async (netuid, hotkey, at) => readUid(await link(), netuid, hotkey, at),
    axon: async (netuid, hotkey, at) => readAxon(await link(), netuid, hotkey, at),
    prometheus: async (netuid, hotkey, at) => readPrometheus(await link(), netuid, hotkey, at),
    weights: async (netuid, mechanism, uid, at) => readWeights(await link(), netuid, mechanism, uid, at),
    weightMatrix: async (netuid, mechanism, at) => readWeightMatrix(await link(), netuid, mechanism, at),
    lastUpdate: async (netuid, mechanism, uid, at) => readLastUpdate(await link(), netuid, mechanism, uid, at),
    revealed: async (netuid, mechanism, hotkey, at) => readRevealed(await link(), netuid, mechanism, hotkey, at),
    pulse: async (at) => readPulse(await link(), at),
    balance: async (address, at) => readBalance(await link(), address, at),

    serveAxon: (by, call) => send(by, axonCall(call)),
    servePrometheus: (by, call) => send(by, prometheusCall(call)),
    setWeights: async (by, call) => send(by, setWeightsCall(await link(), call)),
    commitWeights: async (by, call, salt) => send(by, commitWeightsCall(await link(), by, call, salt)),
    revealWeights: async (by, call, salt) => send(by, revealWeightsCall(await link(), call, salt)),
    commitTimelocked: async (by, call) => {
      const over = await link()
      const state = await readEpoch(over, call.netuid, undefined)
      const made = timelockedCall(over, by, call, state, clock.wallMs(), connection.blockMs(), o.beacon ?? QUICKNET)
      return { ...(await send(by, made.call)), round: made.round, revealBlock: made.revealBlock }
    },
    register: (by, { netuid, hotkey }) => send(by, { name: 'SubtensorModule.burned_register', args: [netuid, hotkey] }),
  }
}
