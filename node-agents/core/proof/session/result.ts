import type { Verdict } from '../verdict.ts'
import type { Failure } from './failure.ts'
import { credited } from './limits.ts'
import type { GpuTalk } from './talk.ts'
import type { Committed, Phase, SessionResult, Times } from './types.ts'

/** All that a session knows when it is over. */
export type Facts = {
  /** Null: it is over because the verdict is certain. */
  failure: Failure | null
  verdict: Verdict
  phase: Phase
  talks: GpuTalk[]
  seed: Uint8Array | null
  committed: Committed[]
  rttMs: number | null
  bytes: { in: number; out: number }
}

export function resultOf({ failure, verdict, phase: at, talks, seed, committed, rttMs, bytes }: Facts): SessionResult {
  const phase = at === 'chain' ? timedPhase(talks, failure?.gpu ?? null) : at
  return {
    ended: failure?.ended ?? 'complete',
    phase,
    text: failure ? `${phase}: ${failure.message}` : verdict.text,
    verdict,
    seed,
    committed,
    times: timesOf(talks, rttMs ?? 0),
    rttMs,
    claims: talks.flatMap((talk) => talk.claim() ?? []),
    bytes,
  }
}

/** Chain or sweep. Where one of them is to blame, what that one was at. */
function timedPhase(talks: GpuTalk[], gpu: number | null): 'chain' | 'sweep' {
  const one = talks.find((talk) => talk.gpu === gpu)
  return (one ? [one] : talks).some((talk) => !talk.isAt('sweep')) ? 'chain' : 'sweep'
}

function timesOf(talks: GpuTalk[], rttMs: number): Times[] {
  const times = talks.flatMap((talk) => {
    const own = talk.times()
    return own ? [{ gpu: talk.gpu, chainMs: credited(own.chainMs, rttMs), sweepMs: credited(own.sweepMs, rttMs) }] : []
  })
  return times.length === talks.length ? times : []
}
