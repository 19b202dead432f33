import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

/** A JSON-RPC message, either way. */
export type Message = { id?: number; method?: string; params?: unknown; result?: unknown }
/** What is passed on instead; null: nothing. */
type Edit = (message: Message, asked: string | undefined) => Message | null

const asIs: Edit = (message) => message

/** An endpoint in front of a node, that can go away, fall silent, or tell something else than the node does. */
export async function relay(target: string) {
  let server: WebSocketServer | null = null
  let port = 0
  const edit = { up: asIs, down: asIs }

  const connected = (near: WebSocket) => {
    const far = new WebSocket(target)
    const waiting: string[] = []
    const asked = new Map<number, string>()
    near.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      if (message.id !== undefined && message.method) asked.set(message.id, message.method)
      const passed = edit.up(message, message.method)
      if (!passed) return
      if (far.readyState === WebSocket.OPEN) far.send(JSON.stringify(passed))
      else waiting.push(JSON.stringify(passed))
    })
    far.on('open', () => waiting.splice(0).forEach((text) => far.send(text)))
    far.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      const passed = edit.down(message, message.method ?? asked.get(message.id ?? 0))
      if (passed) near.send(JSON.stringify(passed))
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('close', () => other.terminate())
      one.on('error', () => other.terminate())
    }
  }
  const up = async () => {
    server = new WebSocketServer({ host: '127.0.0.1', port })
    server.on('connection', connected)
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  }
  const down = async () => {
    const old = server
    server = null
    if (!old) return
    for (const client of old.clients) client.terminate()
    old.close()
    await once(old, 'close')
  }
  await up()
  return {
    url: `ws://127.0.0.1:${port}`,
    up,
    down,
    /** From here on, what is asked and what is answered goes through these. */
    edits: (change: Partial<typeof edit>) => void Object.assign(edit, change),
    honest: () => void Object.assign(edit, { up: asIs, down: asIs }),
    /** Says so to whoever is connected, unasked and as it stands. */
    say: (text: string) => server?.clients.forEach((client) => client.send(text)),
    connections: () => server?.clients.size ?? 0,
    close: down,
  }
}

export type Relay = Awaited<ReturnType<typeof relay>>
