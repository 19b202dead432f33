import { inTao } from '../../core/chain/amount.ts'
import type { Kind } from '../../core/chain/announce.ts'
import { type ChainView, isAnnounced } from '../chain/view.ts'

/** What the chain says of a miner, for people. Pure. */
export function chainText(c: ChainView | null): string[] {
  if (!c) return ['chain      none (--chain none)']
  return [
    `chain      ${connectionText(c)}`,
    `subnet     ${c.netuid}: ${registrationText(c)}`,
    ...(c.registered ? [`axon       ${announcedText(c, 'axon')}`, `prometheus ${announcedText(c, 'prometheus')}`, `earns      ${earningsText(c)}`] : []),
    ...c.troubles.map((trouble) => `           TROUBLE: ${trouble}`),
  ]
}

function connectionText({ network, endpoint, spec, head, head_age_s: age }: ChainView): string {
  if (endpoint === null) return `${network}: NOT CONNECTED`
  return `${endpoint} (runtime ${spec ?? '?'}), block ${head ?? '?'}${age === null ? '' : `, ${age} s ago`}`
}

function registrationText({ registered, uid, how_to_register: how }: ChainView): string {
  if (registered === null) return 'not read yet'
  return registered ? `uid ${uid}` : `NOT REGISTERED: ${how}`
}

type Place = { ip: string | null; port: number; version: number }
const placeText = ({ ip, port, version }: Place) => `${ip?.includes(':') ? `[${ip}]` : (ip ?? 'nowhere')}:${port}, version ${version}`

function announcedText({ announced }: ChainView, kind: Kind): string {
  const { wanted, served, waits_until: until } = announced[kind]
  const shown = served ? `${placeText(served)}, since block ${served.block}` : 'not announced'
  if (!wanted || isAnnounced(announced[kind])) return shown
  return `${shown}; to become ${placeText(wanted)}${until === null ? '' : ` at block ${until}`}`
}

function earningsText({ earns, epoch }: ChainView): string {
  if (!earns || !epoch) return 'not read yet'
  const { rao_per_day: day, rao_per_tempo: tempo, incentive, stake_rao: stake, validator_permit: permit } = earns
  const next = epoch.next === null ? 'no epochs' : `next epoch at block ${epoch.next}${epoch.last === null ? '' : `, last at ${epoch.last}`}`
  return `${inTao(BigInt(day))} alpha a day (${inTao(BigInt(tempo))} in ${epoch.tempo} blocks), incentive ${(incentive * 100).toFixed(2)} %, stake ${inTao(BigInt(stake))}, ${permit ? 'validator permit' : 'no validator permit'}; ${next}`
}
