import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../../../node-agents/core/log.ts'
import { errno, Mistake } from '../../../node-agents/core/mistake.ts'
import { changes, type Node } from './node.ts'
import { type Method, nodeMethods } from './methods.ts'
import { answer } from './socket.ts'
import { Subscriptions } from './subscriptions.ts'

/** A node's default: what is larger closes the socket. */
const LARGEST_MESSAGE = 15 * 1024 * 1024

export type Served = {
  port: number
  /** Ends every connection but those of controls. */
  drop: () => void
  /** Answers nothing while true; what was asked is answered afterwards. */
  silence: (on: boolean) => void
  close: () => Promise<void>
}

/** Serves a node over WebSocket on this machine. `dev` are methods it has but does not list. */
export async function serve(node: Node, options: { port: number; dev: Record<string, Method>; log: Log }): Promise<Served> {
  const listed = nodeMethods(node)
  const names = [...Object.keys(listed), 'rpc_methods'].toSorted()
  const methods: Record<string, Method> = { ...listed, rpc_methods: () => ({ methods: names }), ...options.dev }
  const server = new WebSocketServer({ host: '127.0.0.1', port: options.port, maxPayload: LARGEST_MESSAGE })
  await once(server, 'listening').catch((error: unknown) => {
    if (errno(error) !== 'EADDRINUSE') throw error
    throw new Mistake(`port ${options.port} is taken: give the development chain another --port, or 0 for any`, error)
  })
  const open = new Set<Subscriptions>()
  const waiting: (() => void)[] = []
  const controls = new WeakSet<WebSocket>()
  let silent = false

  server.on('connection', (socket) => {
    const send = (message: unknown) => {
      if (silent && !controls.has(socket)) waiting.push(() => send(message))
      else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    }
    const subscriptions = new Subscriptions(send)
    open.add(subscriptions)
    socket.on('close', () => open.delete(subscriptions))
    socket.on('error', (error) => options.log.debug({ err: error }, 'a connection to the development chain failed'))
    socket.on('message', (data) => {
      if (String(data).includes('"dev_')) controls.add(socket)
      const reply = answer(String(data), methods, subscriptions, options.log)
      if (reply !== null) send(reply)
    })
  })
  publish(node, open)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a WebSocket server without a port')
  const cut = (all: boolean) => {
    for (const socket of server.clients) if (all || !controls.has(socket)) socket.terminate()
  }
  return {
    port: address.port,
    drop: () => cut(false),
    silence: (on) => {
      silent = on
      if (!on) for (const say of waiting.splice(0)) say()
    },
    close: async () => {
      cut(true)
      server.close()
      await once(server, 'close')
    },
  }
}

/** Tells every socket what it follows. */
function publish(node: Node, open: Set<Subscriptions>): void {
  // Not always the parent: after a reorganisation it is what the fork left behind.
  let before = node.chain.head
  node.chain.listeners.add({
    head: (block) => {
      const { header } = node.lie.head(block)
      const [now, then] = [node.chain.stateAt(block), node.chain.stateAt(before)]
      for (const subscriptions of open) {
        for (const topic of ['newHead', 'allHead'] as const) for (const one of subscriptions.of(topic)) subscriptions.push(one, header)
        for (const one of subscriptions.of('storage')) {
          const moved = one.keys.filter((key) => now.hex(key) !== then.hex(key))
          if (moved.length > 0) subscriptions.push(one, changes(node, block, moved))
        }
        if (block.runtime !== before.runtime) for (const one of subscriptions.of('runtimeVersion')) subscriptions.push(one, block.runtime.version.json)
      }
      before = block
    },
    finalized: (block) => {
      for (const subscriptions of open) for (const one of subscriptions.of('finalizedHead')) subscriptions.push(one, block.header)
    },
  })
}
