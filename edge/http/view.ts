import type { AllocationView } from '../../schema/allocation.ts'
import type { EventView } from '../../schema/event.ts'
import { shown } from '../../schema/shown.ts'
import { fingerprint, knownHosts } from '../../schema/ssh.ts'
import type { Shown } from '../store/allocations.ts'
import type { EventRow } from '../store/events.ts'

const iso = (ms: number) => new Date(ms).toISOString()
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms))

/** What a client sees of an allocation. The state is computed here, never stored. */
export function allocationView({ row, gpus, driver, simulated }: Shown): AllocationView {
  const state = shown(row)
  const current = row.factIncarnation === row.incarnation
  const ended = state === 'ended' ? (row.endedAt ?? row.factAt) : row.endedAt
  return {
    id: row.id,
    name: row.name,
    state,
    hotkey: row.hotkey,
    gpus,
    image: row.spec.image,
    simulated,
    driver,
    desired: row.desired,
    degraded: row.degradedAt !== null,
    unreachable_since: isoOrNull(row.unreachableSince),
    restart_n: row.restartN,
    observed_restart_n: current ? row.observedRestartN : 0,
    keys_n: row.keysN,
    observed_keys_n: current ? row.observedKeysN : 0,
    endpoint: current ? endpoint(row) : null,
    progress: current ? row.progress : null,
    error: current ? row.error : null,
    tried: row.tried.map((t) => ({ hotkey: t.hotkey, reason: t.reason, at: iso(t.at) })),
    incarnation: row.incarnation,
    generation: row.generation,
    observed_generation: row.observedGeneration,
    created_at: iso(row.createdAt),
    ready_at: isoOrNull(row.readyAt),
    expires_at: iso(row.expiresAt),
    ended_at: isoOrNull(ended),
    end_reason: row.stopReason,
    trace_id: row.traceId,
  }
}

export function eventView({ id, at, kind, allocationId, data, traceId }: EventRow): EventView {
  return { id, at: iso(at), kind, allocation_id: allocationId, data, trace_id: traceId }
}

function endpoint({ host, port, user, hostKey, hostKeySignature }: Shown['row']): AllocationView['endpoint'] {
  if (host === null || port === null || user === null || hostKey === null || hostKeySignature === null) return null
  return {
    host,
    port,
    user,
    host_key: hostKey,
    fingerprint: fingerprint(hostKey),
    signature: hostKeySignature,
    known_hosts: knownHosts(host, port, hostKey),
    ssh_command: `ssh -p ${port} ${user}@${host}`,
  }
}
