import { pay } from '../chain/accounts.ts'
import { RpcError } from '../chain/errors.ts'
import { reason } from '../../../node-agents/core/mistake.ts'
import type { Context, Part, Value } from '../types.ts'
import type { Method } from './methods.ts'
import type { Node } from './node.ts'
import type { Served } from './server.ts'

type Parameters = Record<string, Value>

/** What tests may do to the chain, as "dev_…" methods with one object of parameters. `connect` gives them the sockets they cut. */
export function devMethods(node: Node, parts: Part[]): { methods: Record<string, Method>; connect: (served: Served) => void } {
  let served: Served | null = null
  const sockets = () => {
    if (!served) throw new Error('the server is not up yet')
    return served
  }
  const own = { ...blockControls(node), ...stateControls(node), ...faultControls(node, sockets) }
  const methods: Record<string, Method> = {}
  for (const [name, run] of Object.entries(own)) methods[`dev_${name}`] = (params) => plain(attempt(() => run(parameters(params.optional(0, (v) => v)))))
  for (const part of parts) {
    for (const [name, run] of Object.entries(part.dev)) {
      methods[`dev_${name}`] = (params) => plain(attempt(() => edit(node, (ctx) => run(ctx, parameters(params.optional(0, (v) => v))))))
    }
  }
  return { methods, connect: (to) => (served = to) }
}

function parameters(value: unknown): Parameters {
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw RpcError.params('one object of parameters is expected')
  return (value ?? {}) as Parameters
}

/** Whatever is wrong is what the control asked for: it hears why. */
function attempt(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    throw error instanceof RpcError ? error : new RpcError(-32000, reason(error))
  }
}

/** As JSON: wide integers as decimal text. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, plain(of)]))
}

function edit<T>({ chain, author }: Node, write: (ctx: Context) => T): T {
  const result = chain.edit(write)
  author.wanted()
  return result
}

function count(value: Value | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw RpcError.params(`not a number of blocks: ${String(value)}`)
  return value
}

const about = ({ hash, number }: { hash: string; number: number }) => ({ hash, number })

function blockControls({ chain }: Node): Record<string, (params: Parameters) => unknown> {
  return {
    newBlocks: ({ count: n }) => {
      for (let i = 0; i < count(n, 1); i++) chain.produce()
      return about(chain.head)
    },
    finalize: ({ number }) => {
      chain.finalize(count(number, chain.head.number))
      return about(chain.finalized)
    },
    reorg: ({ depth }) => chain.reorg(count(depth, 1)).map(about),
    upgrade: () => about(chain.upgrade()),
  }
}

function stateControls(node: Node): Record<string, (params: Parameters) => unknown> {
  return {
    set: ({ item, keys, value }) => edit(node, ({ storage }) => storage.put(String(item), keys as Value[], value ?? null)),
    remove: ({ item, keys }) => edit(node, ({ storage }) => storage.remove(String(item), keys as Value[])),
    /** With what was edited but is not in a block yet. */
    get: ({ item, keys }) => node.chain.peek(({ storage }) => storage.get(String(item), ...(keys as Value[]))),
    fund: ({ account, rao }) => edit(node, (ctx) => pay(ctx, String(account), BigInt(String(rao)))),
  }
}

function faultControls({ chain, author, lie }: Node, sockets: () => Served): Record<string, (params: Parameters) => unknown> {
  return {
    stall: ({ heads, finality, answers }) => {
      if (typeof heads === 'boolean') author.stalled.heads = heads
      if (typeof finality === 'boolean') author.stalled.finality = finality
      if (typeof answers === 'boolean') sockets().silence(answers)
    },
    drop: () => sockets().drop(),
    lie: ({ headBy }) => {
      lie.headBy = count(headBy, 0)
    },
    reject: ({ times, code, message, data }) =>
      chain.pool.refuseNext(count(times, 1), new RpcError(count(code, 1010), String(message), typeof data === 'string' ? data : undefined)),
  }
}
