import * as z from 'zod'
import { nextEpoch } from '../../core/chain/epochs.ts'
import type { Served } from '../../core/chain/types.ts'
import type { Clock } from '../../core/ports.ts'
import { isServed, type Kind, KINDS } from '../../core/chain/announce.ts'
import type { Reading } from './reading.ts'
import { howToRegister } from './registration.ts'
import type { ChainWatch } from './watch.ts'

/** Twelve-second blocks. */
const BLOCKS_A_DAY = 7200n
/** The whole, as the chain writes shares. */
const U16_MAX = 65_535

const place = z.object({ ip: z.string(), port: z.number(), version: z.number() })
const announced = z.object({
  wanted: place.nullable(),
  /** As the chain shows it; null: never announced, or not read yet. */
  served: place.extend({ ip: z.string().nullable(), block: z.number() }).nullable(),
  /** The block from which on it may be announced; null: it does not wait. */
  waits_until: z.number().nullable(),
})
const rao = z.string()

/** What the chain says of a miner, as it was at block `read_at`. */
export const chainView = z.object({
  network: z.string(),
  netuid: z.number(),
  endpoint: z.string().nullable(),
  /** Of the runtime. */
  spec: z.number().nullable(),
  head: z.number().nullable(),
  head_age_s: z.number().nullable(),
  failovers: z.number(),
  read_at: z.number().nullable(),
  /** Null: not read yet. */
  registered: z.boolean().nullable(),
  uid: z.number().nullable(),
  /** How to register; null: registered, or not read yet. */
  how_to_register: z.string().nullable(),
  announced: z.object({ axon: announced, prometheus: announced }),
  earns: z
    .object({
      /** Alpha. Over the last tempo, and what that makes in a day. */
      rao_per_tempo: rao,
      rao_per_day: rao,
      /** Shares of the subnet, 0 to 1. */
      incentive: z.number(),
      consensus: z.number(),
      dividends: z.number(),
      /** Alpha and TAO on this hotkey, as permits count them. */
      stake_rao: rao,
      validator_permit: z.boolean(),
    })
    .nullable(),
  epoch: z.object({ tempo: z.number(), last: z.number().nullable(), next: z.number().nullable() }).nullable(),
  /** What does not work now, in words. */
  troubles: z.array(z.string()),
})
export type ChainView = z.infer<typeof chainView>

/** For the operator's eyes. */
export function viewOf(w: ChainWatch, clock: Clock): ChainView {
  const { reading, subnet } = w
  const status = w.chain?.status()
  const gone = status?.endpoint === null && status.trouble !== null ? [`no endpoint answers: ${status.trouble}`] : []
  return {
    network: subnet.network,
    netuid: subnet.netuid,
    endpoint: status?.endpoint ?? null,
    spec: status?.spec ?? null,
    head: status?.head?.number ?? null,
    head_age_s: status?.headAtMs == null ? null : Math.max(0, Math.round((clock.wallMs() - status.headAtMs) / 1000)),
    failovers: status?.failovers ?? 0,
    read_at: reading?.at.number ?? null,
    registered: reading && reading.uid !== null,
    uid: reading?.uid ?? null,
    how_to_register: reading && reading.uid === null ? howToRegister(subnet, reading.subnet) : null,
    announced: Object.fromEntries(KINDS.map((kind) => [kind, announcedOf(w, kind)])) as ChainView['announced'],
    earns: reading && earningsOf(reading),
    epoch: reading && { tempo: reading.epoch.tempo, last: reading.epoch.lastEpochBlock, next: nextEpoch(reading.epoch) },
    troubles: [...gone, ...w.troubles.lines],
  }
}

function announcedOf({ wanted, reading, decided }: ChainWatch, kind: Kind): ChainView['announced'][Kind] {
  const decision = decided[kind]
  const served = (s: Served | null | undefined) => (s ? { ip: s.ip, port: s.port, version: s.version, block: s.block } : null)
  return { wanted: wanted?.[kind] ?? null, served: served(reading?.[kind]), waits_until: decision?.do === 'wait' ? decision.until : null }
}

/** Whether the chain shows what is wanted. */
export function isAnnounced({ wanted, served }: ChainView['announced'][Kind]): boolean {
  return wanted !== null && served !== null && isServed(wanted, served)
}

/** Emission is kept per tempo, whatever the blocks since. */
function earningsOf({ neuron, epoch }: Reading): ChainView['earns'] {
  if (!neuron) return null
  const perDay = epoch.tempo === 0 ? 0n : (neuron.emission * BLOCKS_A_DAY) / BigInt(epoch.tempo)
  return {
    rao_per_tempo: String(neuron.emission),
    rao_per_day: String(perDay),
    incentive: neuron.incentive / U16_MAX,
    consensus: neuron.consensus / U16_MAX,
    dividends: neuron.dividends / U16_MAX,
    stake_rao: String(neuron.totalStake),
    validator_permit: neuron.validatorPermit,
  }
}
