import type { Block } from '../../core/chain/types.ts'
import { type Group, settle } from '../../core/proof/identify/shared.ts'
import type { Clock, ProofTarget, Prover } from '../../core/ports.ts'
import { Barrier } from '../proofs/barrier.ts'
import type { Places } from './places.ts'
import { type Tried, tryProof } from './proof.ts'

export type WaveDeps = { prover: Prover; places: Places; clock: Clock; timeoutMs: number; patienceMs?: number }

/** What happens as it goes. `began`: before; `ended`: with what is to be kept of it. */
export type Watch = { began: (target: ProofTarget) => void; ended: (tried: Tried) => Promise<void> }

/**
 * Proves a wave of miners, who start at the same moment. Each is told of as soon as it is known what came of it, and those who list the same
 * card when it is known of all of them. Rejects with the first failure of `ended`, or when the signal fires, once all have stopped.
 * @param wave at most as many as there are places @param groups all who list the same card, also those who are not in the wave
 */
export async function proveWave(
  wave: readonly ProofTarget[],
  block: Block,
  { groups, watch }: { groups: readonly Group[]; watch: Watch },
  d: WaveDeps,
  signal: AbortSignal,
): Promise<void> {
  await d.places.take(wave.length, signal)
  const barrier = new Barrier(
    wave.map((t) => t.hotkey),
    d,
  )
  const tries = new Map(
    wave.map((target) => {
      watch.began(target)
      const tried = tryProof(target, { ...d, block, seat: barrier.seat(target.hotkey) }, signal)
      return [target.hotkey, tried.finally(() => d.places.give())] as const
    }),
  )
  const groupOf = (hotkey: string) => groups.find((g) => g.hotkeys.includes(hotkey))
  const ends = [...tries].map(async ([hotkey, trying]) => {
    const [tried, group] = [await trying, groupOf(hotkey)]
    if (!group) return watch.ended(tried)
    const others = await Promise.all(group.hotkeys.flatMap((h) => tries.get(h) ?? []))
    await watch.ended(settled(tried, others, group, (h) => barrier.startOf(h)))
  })
  for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason
}

/**
 * What is kept of one of those who list the same card. Pure. Only what was shown at the same moment can tell one card from two: who failed
 * loses the cards that another showed meanwhile, and no others; where somebody was missing nothing is certain, which is noted.
 * @param all of the group who were in the wave @param startOf with which start of the barrier each began; null: none
 */
export function settled(tried: Tried, all: readonly Tried[], group: Group, startOf: (hotkey: string) => number | null): Tried {
  const { hotkey } = tried.target
  const moment = startOf(all.find((t) => t.outcome === 'valid')?.target.hotkey ?? '')
  const passed = all.filter((t) => t.outcome === 'valid' && startOf(t.target.hotkey) === moment)
  const failed = all.filter((t) => t.outcome === 'failed' || t.outcome === 'invalid')
  const results = new Map([...passed.map((t) => named(t, 'passed')), ...failed.map((t) => named(t, 'failed'))])
  const { lose, open } = settle(group, results)
  if (lose.includes(hotkey)) return withLost(tried, new Set(passed.flatMap((t) => t.proof?.gpus.map((g) => g.uuid) ?? [])))
  return open.includes(hotkey) ? withFlag(tried, group) : tried
}

const named = <T extends string>(t: Tried, result: T): [string, T] => [t.target.hotkey, result]

const BARE = { proof: null, text: '', mismatch: false, measured: null, confidence: null, runnerUp: null, flags: [], bundle: null, lost: [] }

/** @param shown cards that others proved: to list somebody's card alone takes nothing from him */
function withLost(tried: Tried, shown: ReadonlySet<string>): Tried {
  const lost = tried.target.miner?.gpus.map((g) => g.uuid).filter((uuid) => shown.has(uuid)) ?? []
  if (!tried.proof || lost.length === 0) return tried
  const evidence = { ...(tried.proof.evidence ?? { ...BARE, text: tried.reason ?? '' }), lost }
  return { ...tried, proof: { ...tried.proof, evidence } }
}

function withFlag(tried: Tried, { hotkeys }: Group): Tried {
  const evidence = tried.proof?.evidence
  if (!tried.proof || !evidence) return tried
  const others = hotkeys.filter((h) => h !== tried.target.hotkey).join(', ')
  const flag = `${others} lists cards of the same id, and was not there at the same moment`
  return { ...tried, proof: { ...tried.proof, evidence: { ...evidence, flags: [...evidence.flags, flag] } } }
}
