import { readFromStorage } from './fallback.ts'
import { readTimestamp } from './lookups.ts'
import { toNeurons } from './neurons.ts'
import { pin } from './pin.ts'
import { amount, count, flag, list, nonsense, type Reader, somebody, struct, text } from './plain.ts'
import { axonInfo } from './served.ts'
import type { Block, Metagraph } from './types.ts'
import type { Link } from './wire.ts'

const METHOD = 'SubnetInfoRuntimeApi.get_selective_metagraph'

/** The runtime's SelectiveMetagraphIndex of every field that is wanted: an argument of the method, in no metadata. */
const WANTED = {
  netuid: 0,
  ownerHotkey: 5,
  ownerColdkey: 6,
  block: 7,
  tempo: 8,
  hotkeys: 52,
  coldkeys: 53,
  axons: 55,
  active: 56,
  validatorPermit: 57,
  lastUpdate: 59,
  emission: 60,
  dividends: 61,
  incentives: 62,
  consensus: 63,
  blockAtRegistration: 66,
  alphaStake: 67,
  taoStake: 68,
  totalStake: 69,
}

/**
 * A subnet at one block, in one call; from storage where the runtime has no such call.
 * @param at the block's hash; left out: the best block now
 * @returns null: there is no such subnet
 * @throws ChainError also for an answer of another block or subnet, or one whose lists do not fit together
 */
export async function readMetagraph(link: Link, netuid: number, at: string | undefined): Promise<Metagraph | null> {
  const block = await pin(link, at)
  return link.hasMethod(METHOD) ? readByCall(link, netuid, block) : readFromStorage(link, netuid, block)
}

async function readByCall(link: Link, netuid: number, block: Block): Promise<Metagraph | null> {
  const [answer, timestampMs] = await Promise.all([link.call(METHOD, [netuid, Object.values(WANTED)], block.hash), readTimestamp(link, block.hash)])
  if (answer === null) return null
  const said = selective(answer, 'the metagraph')
  if (said.netuid !== netuid) throw nonsense('the metagraph', `is of subnet ${said.netuid}, not ${netuid}`)
  if (said.block !== block.number) throw nonsense('the metagraph', `is of block ${said.block}, not ${block.number}`)
  const { tempo, ownerHotkey, ownerColdkey, columns } = said
  return { netuid, block, timestampMs, tempo, ownerHotkey, ownerColdkey, neurons: toNeurons(columns) }
}

const selective = struct((field) => {
  const column = <T>(name: keyof typeof WANTED, of: Reader<T>) => field(name, list(of))
  return {
    netuid: field('netuid', count),
    block: field('block', count),
    tempo: field('tempo', count),
    ownerHotkey: field('ownerHotkey', somebody),
    ownerColdkey: field('ownerColdkey', somebody),
    columns: {
      hotkeys: column('hotkeys', text),
      coldkeys: column('coldkeys', text),
      axons: column('axons', axonInfo),
      active: column('active', flag),
      validatorPermit: column('validatorPermit', flag),
      lastUpdate: column('lastUpdate', count),
      registeredAt: column('blockAtRegistration', count),
      emission: column('emission', amount),
      incentive: column('incentives', count),
      dividends: column('dividends', count),
      consensus: column('consensus', count),
      totalStake: column('totalStake', amount),
      alphaStake: column('alphaStake', amount),
      taoStake: column('taoStake', amount),
    },
  }
})
