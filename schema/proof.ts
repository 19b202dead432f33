import * as z from 'zod'
import { hotkey } from './hotkey.ts'
import { allocationId } from './ids.ts'
import { moment } from './moment.ts'
import { sshPublicKey } from './ssh.ts'
import { statement } from './statement.ts'

/** A proof that is open longer than this is ended by the edge. */
export const PROOF_MAX_MS = 5 * 60_000
/** From one proof of a miner by a validator to the next by the same one: 300 blocks of 12 s. */
export const PROOF_PAUSE_MS = 300 * 12_000
/** Proofs of one miner that may begin within an hour, whoever asks. */
export const PROOFS_PER_HOUR = 6
/** Of those, by one validator: proofs that never came to `go` do not count for the pause, and nobody may use up all. */
export const PROOFS_PER_HOUR_EACH = 3
/**
 * Of those of an hour, the last `kept` are for validators that opened none of this miner for `afterMs`. Else two that open and close would keep
 * all others from proving anybody, and would soon be the only ones with numbers.
 */
export const PROOF_TURNS = { kept: 3, afterMs: 12 * 3600_000 } as const
/** Proofs one validator may have open at a time: two waves of sessions. */
export const PROOFS_OPEN_EACH = 64

/** How long a proof of a card holds: while it was not rented, and in all (DESIGN §9). */
export const PROOF_HOLDS_MS = { unrented: 24 * 3600_000, atMost: 7 * 24 * 3600_000 } as const
/**
 * A card whose proof no longer holds is kept for a proof this long after a rent of it is over, if any validator closed a proof not longer
 * ago than `lately`.
 */
export const PROOF_DUE_MS = { kept: 10 * 60_000, lately: 2 * 3600_000 } as const

/** What a validator asks for: all cards of this miner that are free now, reachable over SSH with this key. */
export const openProof = z.object({ hotkey, ssh_key: sshPublicKey }).meta({ id: 'OpenProof' })
export type OpenProof = z.infer<typeof openProof>

/**
 * `starting`: wait. `ready`: the SSH server answers. `preempted`: a client took the cards before `go`. `failed`: the miner did not bring it
 * up, or took it down. `expired`: it was open for too long. `closed`: its validator is done with it.
 */
export const PROOF_STATES = ['starting', 'ready', 'preempted', 'failed', 'expired', 'closed'] as const

export const proofGpu = z.object({
  uuid: z.string().max(128),
  model: z.string().max(64),
  vram_mb: z.number().int(),
  simulated: z.boolean(),
  /** Milliseconds it was ever rented. */
  rented_ms: z.number().int().min(0),
})
export type ProofGpu = z.infer<typeof proofGpu>

/** A proof as the edge has it. All times are the edge's own. */
export const proofState = z
  .object({
    id: allocationId,
    hotkey,
    state: z.enum(PROOF_STATES),
    /** Why it is `failed`. */
    reason: z.string().nullable(),
    incarnation: z.number().int(),
    /** While it is `ready`; `signature` is the miner's over `hostKeyStatement`. */
    endpoint: z.object({ host: z.string(), port: z.number().int(), user: z.string(), host_key: z.string(), signature: z.string() }).nullable(),
    gpus: z.array(proofGpu).max(64),
    opened_at_ms: moment,
    go_at_ms: moment.nullable(),
    committed_at_ms: moment.nullable(),
    closed_at_ms: moment.nullable(),
    /** When the edge ends it by itself. */
    ends_at_ms: moment,
  })
  .meta({ id: 'ProofState' })
export type ProofState = z.infer<typeof proofState>

const positive = z.number().positive()
/** The least of all its cards, by the validator's clock. */
export const measured = z.object({ tops: positive, gbs: positive, vram_gb: positive })
export type Measured = z.infer<typeof measured>

export const PROOF_RESULTS = ['valid', 'invalid', 'failed'] as const

const digest = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hex digits')

/**
 * What came of a proof, said by a validator and signed by its hotkey. `valid`: these cards were proved, as `model`. `invalid`: what came was
 * wrong. `failed`: nothing was proved, and nothing proved wrong.
 */
export const proofVerdict = z
  .object({
    netuid: z.number().int().min(0).max(65_535),
    validator: hotkey,
    proof: allocationId,
    hotkey,
    block: z.number().int().min(0),
    at_ms: moment,
    result: z.enum(PROOF_RESULTS),
    /** One sentence. */
    text: z.string().min(1).max(500),
    /** Cards that are only said to be there: arithmetic was checked, speed was not. */
    simulated: z.boolean(),
    /** Empty unless valid. */
    gpus: z.array(z.object({ uuid: z.string().max(128), model: z.string().max(64) })).max(64),
    measured: measured.nullable(),
    /** That it is `model` and no other card of the catalogue, 0 to 1; and which comes next. */
    confidence: z.number().min(0).max(1).nullable(),
    runner_up: z.string().max(64).nullable(),
    /** Such as "faster than claimed". */
    flags: z.array(z.string().max(200)).max(16),
    /** SHA-256 of the evidence bundle; null: none was kept. */
    bundle: digest.nullable(),
    signature: z.string().regex(/^0x[0-9a-f]{128}$/, '0x and 128 lower-case hex digits'),
  })
  .meta({ id: 'ProofVerdict' })
export type ProofVerdict = z.infer<typeof proofVerdict>

/**
 * How far a proof is. `go`: the clock is about to start; refused (`conflict`) once a client has taken the cards, and no client can from then
 * on. `committed`: everything that can be asked for is fixed; `digest` is SHA-256 over it. `close`: the verdict; the cards are let go.
 */
export const markProof = z
  .discriminatedUnion('mark', [
    z.object({ mark: z.literal('go') }),
    z.object({ mark: z.literal('committed'), digest }),
    z.object({ mark: z.literal('close'), verdict: proofVerdict }),
  ])
  .meta({ id: 'MarkProof' })
export type MarkProof = z.infer<typeof markProof>

/** What the hotkey signs, as `scoresStatement`. */
export function verdictStatement(v: Omit<ProofVerdict, 'signature'>): string {
  const measures = v.measured && [v.measured.tops, v.measured.gbs, v.measured.vram_gb]
  const gpus = v.gpus.map((g) => [g.uuid, g.model])
  const said = [v.result, v.text, v.simulated, gpus, measures, v.confidence, v.runner_up, v.flags, v.bundle]
  return statement('compute/proof/1', [v.netuid, v.validator, v.proof, v.hotkey, v.block, v.at_ms, ...said])
}
