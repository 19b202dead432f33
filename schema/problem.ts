import * as z from 'zod'

type Kind = { status: number; title: string; retryable: boolean }

/** The closed list of what can go wrong at the edge. A code is forever; titles may be reworded. */
export const PROBLEMS = {
  malformed_request: { status: 400, title: 'The request could not be parsed', retryable: false },
  invalid_request: { status: 422, title: 'The request has invalid fields', retryable: false },
  unsupported_media_type: { status: 415, title: 'Send application/json', retryable: false },
  body_too_large: { status: 413, title: 'The body is too large', retryable: false },
  not_found: { status: 404, title: 'Not found', retryable: false },

  unauthorized: { status: 401, title: 'A valid API key is needed', retryable: false },
  forbidden: { status: 403, title: 'This key may not do that', retryable: false },
  rate_limited: { status: 429, title: 'Too many requests', retryable: true },
  quota_exceeded: { status: 403, title: 'The quota of this key is used up', retryable: false },

  idempotency_mismatch: { status: 422, title: 'This Idempotency-Key was used with another body', retryable: false },
  image_not_offered: { status: 422, title: 'No miner offers this image', retryable: false },
  conflict: { status: 409, title: 'The state does not allow this', retryable: false },
  unsupported_by_miner: { status: 409, title: 'The agent of this miner is too old for that', retryable: false },
  proof_refused: { status: 409, title: 'This miner cannot be proved now', retryable: true },
  no_capacity: { status: 409, title: 'No free GPUs match', retryable: true },

  malformed_signature: { status: 401, title: 'The signature headers are missing or malformed', retryable: false },
  wrong_receiver: { status: 401, title: 'Signed for another receiver', retryable: false },
  stale: { status: 401, title: 'The nonce is outside the clock window', retryable: true },
  bad_signature: { status: 401, title: 'The signature does not hold', retryable: false },
  replayed: { status: 401, title: 'This nonce was used before', retryable: true },
  not_admitted: { status: 403, title: 'This hotkey is not admitted', retryable: false },
  not_trusted: { status: 403, title: 'This hotkey is not one of the trusted validators', retryable: false },
  wrong_role: { status: 403, title: 'This hotkey has another role', retryable: false },
  roles_stale: { status: 503, title: 'Who may act was not confirmed by the chain for too long', retryable: true },
  not_registered: { status: 409, title: 'Register first', retryable: false },
  agent_conflict: { status: 409, title: 'Another install speaks for this hotkey', retryable: false },
  out_of_order: { status: 409, title: 'The report is older than one already taken', retryable: true },
  agent_too_old: { status: 426, title: 'Upgrade the agent', retryable: false },
  upgrade_required: { status: 426, title: 'This address takes WebSocket upgrades only', retryable: false },
  refused_facts: { status: 422, title: 'The facts are not acceptable here', retryable: false },

  database_unavailable: { status: 503, title: 'The database does not answer', retryable: true },
  unavailable: { status: 503, title: 'A part of the edge is restarting', retryable: true },
  unread: { status: 503, title: 'It was done, but cannot be read right now', retryable: false },
  not_configured: { status: 503, title: 'The edge lacks a setting', retryable: false },
  internal: { status: 500, title: 'Internal error', retryable: false },
} as const satisfies Record<string, Kind>

export type ProblemCode = keyof typeof PROBLEMS
export const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]

/** One bad field: where, what is wrong, and what would be right. */
export const fieldError = z.object({ field: z.string(), message: z.string() })
export type FieldError = z.infer<typeof fieldError>

/** RFC 9457 body, `application/problem+json`. */
export const problemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(PROBLEM_CODES),
  detail: z.string().optional(),
  retryable: z.boolean(),
  errors: z.array(fieldError).optional(),
  trace_id: z.string().optional(),
  server_time_ms: z.number().int().optional(),
  allowed: z.array(z.string()).optional(),
  retry_after_s: z.number().int().optional(),
})
export type ProblemBody = z.infer<typeof problemBody>

type Extra = Partial<Pick<ProblemBody, 'errors' | 'server_time_ms' | 'allowed' | 'retry_after_s'>>

/** What verbs throw. `detail` is shown to the caller, so it never holds a secret or another tenant's data. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly extra: Extra
  constructor(code: ProblemCode, detail?: string, extra: Extra = {}, cause?: unknown) {
    super(detail ?? PROBLEMS[code].title, { cause })
    this.name = 'Problem'
    this.code = code
    this.extra = extra
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }

  body(trace?: string): ProblemBody {
    const { status, title, retryable } = PROBLEMS[this.code]
    const detail = this.message === title ? undefined : this.message
    return {
      type: `urn:compute:problem:${this.code}`,
      title,
      status,
      code: this.code,
      retryable,
      ...(detail && { detail }),
      ...(trace && { trace_id: trace }),
      ...this.extra,
    }
  }
}

/** A problem with one named field. */
export function invalid(field: string, message: string): Problem {
  return new Problem('invalid_request', `${field}: ${message}`, { errors: [{ field, message }] })
}
