import { type Api, connect } from './client.ts'
import { type Environment, loadCredentials } from './credentials.ts'

/** The outside of a command: where it writes, what it is told, what time it is. */
export type Io = {
  env: Environment
  out(text: string): void
  err(text: string): void
  nowMs(): number
  /** The code to end with when nothing is thrown. */
  exit(code: number): void
}

/** Every command takes it; programs read stdout, so there it is the API's own JSON and nothing else. */
export type Common = { json?: boolean }
export const JSON_OPTION = ['--json', "print the edge's JSON answer instead of text"] as const

export async function apiOf(io: Io): Promise<Api> {
  return connect(await loadCredentials(io.env))
}

/** Prints an answer: for programs as it is, for people as `text` says. */
export function show<B>(io: Io, { json }: Common, body: B, text: (body: B) => string): void {
  io.out(json ? JSON.stringify(body) : text(body))
}
