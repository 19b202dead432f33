import { type AllocationView, fingerprint, hostKeyStatement, hostName, knownHosts, parsePublicKey, verifyBytes } from '../../schema/index.ts'
import { Failure } from './client.ts'

/** Where to log in, after everything about it was checked. */
export type Door = { host: string; port: number; user: string; knownHosts: string }

const USER = /^[a-z_][a-z0-9_-]{0,31}$/

/**
 * Believes an endpoint only when the miner's hotkey signed host, port and host key for this very container:
 * whoever stands between cannot hand out another. Pure. Throws `Failure` saying what does not hold.
 */
export function door(view: AllocationView): Door {
  const { id, incarnation, hotkey, endpoint } = view
  if (!endpoint || !hotkey) throw new Failure(`${id} is ${view.state} and has no address${hint(view)}`)
  const { host, port, user, host_key, signature } = endpoint
  const key = parsePublicKey(host_key)
  // These become arguments of ssh: nothing that it could read as an option gets through.
  if (!hostName.safeParse(host).success || !USER.test(user) || !key.ok) throw lie(id, 'its address, user or host key is malformed')
  const statement = hostKeyStatement({ allocation: id, incarnation, host, port, fingerprint: fingerprint(key.line) })
  if (!verifyBytes(hotkey, statement, signature)) throw lie(id, `miner ${hotkey} did not sign its host key`)
  return { host, port, user, knownHosts: knownHosts(host, port, key.line) }
}

function lie(id: string, what: string): Failure {
  return new Failure(`${id} cannot be trusted: ${what}. Nothing was connected. Release it (compute down ${id}) and tell the operator of the edge`)
}

function hint({ id, state }: AllocationView): string {
  if (state === 'pending' || state === 'starting') return `: wait until compute show ${id} says running`
  if (state === 'ended' || state === 'failed') return ': rent again with compute up'
  return ''
}
