/** An error as JSON-RPC answers it, with the codes and words of a Substrate node. */
export class RpcError extends Error {
  readonly code: number
  readonly data: string | undefined

  constructor(code: number, message: string, data?: string) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }

  static invalid(data: string): RpcError {
    return new RpcError(1010, 'Invalid Transaction', data)
  }

  static unknown(data: string): RpcError {
    return new RpcError(1011, 'Unknown Transaction Validity', data)
  }

  static badSignature(): RpcError {
    return RpcError.invalid('Transaction has a bad signature')
  }

  /** `n` of the runtime's own transaction extension. */
  static custom(n: number): RpcError {
    return RpcError.invalid(`Custom error: ${n}`)
  }

  static undecodable(error: unknown): RpcError {
    return new RpcError(1002, 'Verification Error: Runtime error: Execution failed: Execution aborted due to trap: wasm trap', String(error))
  }

  static params(data: string): RpcError {
    return new RpcError(-32602, 'Invalid params', data)
  }

  static unknownBlock(hash: string): RpcError {
    return new RpcError(4003, `Client error: UnknownBlock: Header was not found in the database: ${hash}`)
  }

  static discarded(hash: string): RpcError {
    return new RpcError(4003, `Client error: UnknownBlock: State already discarded for ${hash}`)
  }
}
