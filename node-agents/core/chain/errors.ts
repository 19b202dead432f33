/** Where a failure arose: on the way, at the pool's door, inside the block, or in what we were asked. */
export type ChainErrorKind = 'connection' | 'pool' | 'dispatch' | 'request'

/**
 * Why the chain did not do or tell something. `code` is the chain's own name where it has one (such as `SettingWeightsTooFast`);
 * the message ends with what to do. `retryable`: the same may work later without anybody changing anything.
 */
export class ChainError extends Error {
  readonly code: string
  readonly kind: ChainErrorKind
  readonly retryable: boolean
  constructor(code: string, kind: ChainErrorKind, message: string, retryable: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'ChainError'
    this.code = code
    this.kind = kind
    this.retryable = retryable
  }
}
