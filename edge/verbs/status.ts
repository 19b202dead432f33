import type { MinerStatus } from '../../schema/miner.ts'
import { PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import type { MinerRow } from '../store/market.ts'

export type Condition = Pick<MinerRow, 'standing' | 'protocol' | 'online' | 'engineOk' | 'gpuError' | 'heldSince' | 'fresh'>

/** One word for how a miner is: the first of these that is true. Pure. */
export function statusOf(m: Condition): MinerStatus {
  if (m.protocol < PROTOCOL_OLDEST) return 'too_old'
  if (m.standing === 'draining') return 'draining'
  if (m.online !== 'online') return m.online
  if (m.engineOk !== 1 || m.gpuError !== null) return 'engine_down'
  if (m.heldSince !== null) return 'held'
  return m.fresh === 1 ? 'ready' : 'stale'
}
