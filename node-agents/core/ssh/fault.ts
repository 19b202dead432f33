import { errno, reason } from '../mistake.ts'
import { type ShellCode, ShellError } from '../ports.ts'
import { oneLine } from '../text.ts'

/** Characters of a host's own words that are shown. */
const SHOWN = 200

/** How far a connection came. `shown`: what the host showed as its key. */
export type Reached = { connected: boolean; shown: 'nothing' | 'pinned' | 'other'; ready: boolean }

/** What the SSH library says of a host that has no key of the pinned type, or cannot sign with the one it shows. */
const NOT_ITS_KEY = /no matching host key format|signature verification failed/
/** What a server may say on leaving that means: this login is not let in (RFC 4253 §11.1). */
const NO_MORE_METHODS = 14

const levelOf = (error: unknown) => (error instanceof Error && 'level' in error ? error.level : undefined)
const disconnectOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

/** A host's words, or a library's with a host's in it, as something a person may read. */
export const words = (text: string) => oneLine(text).slice(0, SHOWN)

function codeOf(error: unknown, at: Reached): ShellCode {
  if (!at.connected) return 'unreachable'
  if (at.shown === 'other' || NOT_ITS_KEY.test(reason(error))) return 'wrong_host_key'
  const refused = levelOf(error) === 'client-authentication' || disconnectOf(error) === NO_MORE_METHODS
  return refused && !at.ready ? 'refused' : 'broken'
}

const SAYS: Partial<Record<ShellCode, string>> = {
  unreachable: 'does not take connections',
  wrong_host_key: 'does not hold the pinned host key',
  refused: 'does not let this key in',
}

/** Why a connection ended, for whoever dialled it. */
export function faultOf(error: unknown, where: string, at: Reached): ShellError {
  const code = codeOf(error, at)
  const detail = words(errno(error) ?? reason(error))
  return new ShellError(code, `${where} ${SAYS[code] ?? 'broke the SSH connection'}: ${detail}`, error)
}

/** What to reject with when a signal fired: a deadline's is a `timeout`, any other reason is passed on. */
export function stopped(signal: AbortSignal, what: string): unknown {
  const why: unknown = signal.reason
  return why instanceof DOMException && why.name === 'TimeoutError' ? new ShellError('timeout', `${what}: the time is up`, why) : why
}
