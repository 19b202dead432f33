import { DISPATCH, INVALID, POOL_CODES, POOL_CUSTOM } from './refusals.ts'

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

/** A JSON-RPC error object as nodes send them. */
export type RpcFailure = { code?: number; message?: string; data?: unknown }

/** Every answer of a node that is a refusal, by name. */
export function refused(method: string, failure: RpcFailure): ChainError {
  const { code = 0, message = '' } = failure
  const data = typeof failure.data === 'string' ? failure.data : failure.data === undefined || failure.data === null ? '' : JSON.stringify(failure.data)
  const said = [message, data].filter(Boolean).join(': ')
  if (code === 1010 || code === 1011) return invalid(said)
  const known = POOL_CODES[code]
  if (known) return new ChainError(known.name, 'pool', `The node's pool refused the transaction (${said}). ${known.fix}`, known.later)
  if (/discarded|unknown ?block|header was not found/i.test(said)) {
    const text = `The endpoint no longer has the state of that block (${said}). Ask an archive endpoint, or for a newer block`
    return new ChainError('StateDiscarded', 'request', text, false)
  }
  if (code === -32601) return new ChainError('MethodNotFound', 'request', `The endpoint does not offer ${method} (${said}): use another endpoint`, false)
  if (code === -32005 || code === 429 || /too many|rate.?limit/i.test(said))
    return new ChainError('EndpointBusy', 'connection', `The endpoint answers ${method} with "${said}". Wait, or use an endpoint of your own`, true)
  return new ChainError('Refused', 'request', `The endpoint refused ${method} with code ${code}: ${said}. Try another endpoint`, false)
}

/** A transaction that is not valid now: "Custom error: N" of Subtensor's own extension, or Substrate's own words. */
function invalid(said: string): ChainError {
  const custom = /custom error:?\s*(\d+)/i.exec(said)
  const known = custom ? POOL_CUSTOM[Number(custom[1])] : INVALID.find(({ words }) => words.test(said))
  if (known) return new ChainError(known.name, 'pool', `The chain would refuse the transaction (${said}). ${known.fix}`, known.later)
  const name = custom ? `Custom${custom[1]}` : 'InvalidTransaction'
  return new ChainError(
    name,
    'pool',
    `The chain would refuse the transaction (${said}), for a reason newer than this program: look it up, or install a newer version`,
    false,
  )
}

/**
 * A call that was in a block and failed there.
 * @param name "Pallet.Error", or the chain's own name of a general dispatch error
 * @param docs what the metadata says about it
 */
export function dispatched(call: string, name: string, docs: string): ChainError {
  const code = name.includes('.') ? name.slice(name.indexOf('.') + 1) : name
  const known = DISPATCH[code]
  const why = docs ? `${name}: ${docs.replace(/\.?$/, '')}` : name
  const fix = known?.fix ?? 'Nothing was changed by the call; look the name up in the chain’s documentation'
  return new ChainError(code, 'dispatch', `The chain refused ${call} (${why}). ${fix}`, known?.later ?? false)
}
