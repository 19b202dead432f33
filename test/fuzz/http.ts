import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/** A request as it goes over the wire. */
export type Wire = { method: string; path: string; headers: Record<string, string>; body: Buffer | null }
export type Answer = { status: number; headers: IncomingHttpHeaders; text: string }

/** Far longer than any answer takes: no request of ours asks to wait. */
const HANG_MS = 40_000
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Sends exactly this, which `fetch` would tidy up. A stream counts as answered by its head. Rejects when the edge hangs or hangs up. */
export function send(base: string, { method, path, headers, body }: Wire): Promise<Answer> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, agent, method, path, headers, signal: AbortSignal.timeout(HANG_MS) }, (answer) => {
      const said = (text: string) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text })
      if (answer.headers['content-type']?.startsWith('text/event-stream')) {
        said('')
        answer.destroy()
        return
      }
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => said(Buffer.concat(chunks).toString()))
      answer.on('error', reject)
    })
    asked.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: '' })
    })
    asked.on('error', reject)
    asked.end(body ?? undefined)
  })
}

export const hangUp = () => agent.destroy()
