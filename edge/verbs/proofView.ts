import type { ProofState } from '../../schema/proof.ts'
import type { ProofRow } from '../store/proofs.ts'

/** What the miner said of a failure: it is shown to people. */
const WORDS = 200
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g

/** A proof as its validator sees it. The state is computed here, never stored. Pure. */
export function proofView(row: ProofRow, nowMs: number): ProofState {
  const state = stateOf(row, nowMs)
  return {
    id: row.id,
    hotkey: row.hotkey,
    state,
    reason: state === 'failed' ? reasonOf(row) : null,
    incarnation: row.incarnation,
    endpoint: state === 'ready' ? endpointOf(row) : null,
    gpus: row.gpus,
    opened_at_ms: row.openedAt,
    go_at_ms: row.goAt,
    committed_at_ms: row.committedAt,
    closed_at_ms: row.closedAt,
    ends_at_ms: row.endsAt,
  }
}

function stateOf(row: ProofRow, nowMs: number): ProofState['state'] {
  if (row.closedAt !== null) return 'closed'
  if (row.preemptedBy !== null) return 'preempted'
  if ((row.endedAt ?? nowMs) >= row.endsAt) return 'expired'
  if (row.endedAt !== null) return row.stopReason === 'expired' ? 'expired' : 'failed'
  return row.readyAt !== null && row.phase === 'running' ? 'ready' : 'starting'
}

/** Such as "silent", "lost", or "image_missing: …". */
function reasonOf({ tried, stopReason, error }: ProofRow): string {
  const word = tried.at(-1)?.reason ?? stopReason ?? 'failed'
  return error === null ? word : `${word}: ${error.message.replace(CONTROL, ' ').slice(0, WORDS)}`
}

function endpointOf({ host, port, user, hostKey, hostKeySignature }: ProofRow): ProofState['endpoint'] {
  if (host === null || port === null || user === null || hostKey === null || hostKeySignature === null) return null
  return { host, port, user, host_key: hostKey, signature: hostKeySignature }
}
