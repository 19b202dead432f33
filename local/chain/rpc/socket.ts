import type { Log } from '../../../node-agents/core/log.ts'
import { RpcError } from '../chain/errors.ts'
import { type Method } from './methods.ts'
import { Params } from './params.ts'
import type { Subscriptions } from './subscriptions.ts'

type Reply = { jsonrpc: '2.0'; id: unknown } & ({ result: unknown } | { error: { code: number; message: string; data?: string } })

/** Replies to one message of a socket: a request, or several in a list. Null where there is nothing to say. */
export function answer(message: string, methods: Record<string, Method>, subscriptions: Subscriptions, log: Log): unknown {
  let asked: unknown
  try {
    asked = JSON.parse(message)
  } catch {
    // Whatever was wrong with it, there is no request to name: this is the reply.
    return problem(null, new RpcError(-32700, 'Parse error'))
  }
  if (!Array.isArray(asked)) return one(asked, methods, subscriptions, log)
  if (asked.length === 0) return problem(null, new RpcError(-32600, 'Invalid request'))
  const replies = asked.map((request) => one(request, methods, subscriptions, log)).filter((reply) => reply !== null)
  return replies.length > 0 ? replies : null
}

function one(request: unknown, methods: Record<string, Method>, subscriptions: Subscriptions, log: Log): Reply | null {
  if (!isRequest(request)) return problem(null, new RpcError(-32600, 'Invalid request'))
  const { id, method: name, params } = request
  if (id === undefined) return null // a notification, which a node leaves alone
  try {
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (!method) throw new RpcError(-32601, 'Method not found')
    return { jsonrpc: '2.0', id, result: method(new Params(params), subscriptions) ?? null }
  } catch (error) {
    if (error instanceof RpcError) return problem(id, error)
    log.error({ err: error, method: name }, 'a method of the development chain broke')
    return problem(id, new RpcError(-32603, 'Internal error', String(error)))
  }
}

function isRequest(value: unknown): value is { id?: unknown; method: string; params?: unknown } {
  return typeof value === 'object' && value !== null && 'method' in value && typeof value.method === 'string'
}

function problem(id: unknown, { code, message, data }: RpcError): Reply {
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}
