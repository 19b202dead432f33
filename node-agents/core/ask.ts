import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import * as z from 'zod'
import { errno, Mistake } from './mistake.ts'
import { VERSION } from './version.ts'
import { socketPath } from './socket.ts'

const TIMEOUT_MS = 10_000

const FIXES: Record<string, string> = {
  ENOENT: 'no agent runs there: start it, or name its --state directory',
  ECONNREFUSED: 'no agent runs there: start it, or name its --state directory',
  EACCES: 'run this as the user of the agent',
}

/** Asks the agent of a state directory. Throws a `Mistake` when none answers, or when it refuses. */
export async function askAgent<T extends z.ZodType>(state: string, method: 'GET' | 'POST', path: string, shape: T, body?: unknown): Promise<z.output<T>> {
  const at = await socketPath(state)
  const { status, answer } = await send(at, method, path, body).catch((error: unknown) => {
    throw new Mistake(`the agent of ${state} does not answer: ${FIXES[errno(error) ?? ''] ?? String(error)}`, error)
  })
  if (status !== 200) throw new Mistake(`the agent of ${state} refuses: ${refusal(answer)}`)
  const json = parsed(answer)
  const known = shape.safeParse(json)
  if (known.success) return known.data
  const version = versioned.safeParse(json).data?.version
  throw new Mistake(
    `the agent of ${state} is ${version ? `version ${version}` : 'of an unknown version'}, and this program is ${VERSION}: they do not understand each other. Use the program the agent was started with, or restart the agent with this one`,
    known.error,
  )
}

/** Why, in its words. */
const refusal = (answer: string) => refused.safeParse(parsed(answer)).data?.detail ?? answer

const refused = z.object({ detail: z.string() })
const versioned = z.object({ version: z.string() })

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function send(at: string, method: string, path: string, body: unknown): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request({ socketPath: at, method, path, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject)
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
