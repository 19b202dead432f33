import { fingerprint, hostKeyStatement, hostName, parsePublicKey, type ProofState, verifyBytes } from '../../../schema/index.ts'
import type { SshDoor } from '../../core/ports.ts'

const USER = /^[a-z_][a-z0-9_-]{0,31}$/

/** A door with the fingerprint ("SHA256:…") of the host key behind it, or why there is none that can be believed. */
export type Believed = { door: SshDoor; fingerprint: string } | { lie: string }

/**
 * Believes an endpoint only when the miner's hotkey signed host, port and host key for this very container: neither the edge nor whoever
 * stands between can lead a proof to another machine. Pure. @param miner whom the proof was opened for
 */
export function doorOf({ id, incarnation, hotkey, endpoint }: ProofState, miner: string): Believed {
  if (hotkey !== miner) return { lie: `the edge led to ${hotkey} instead` }
  if (!endpoint) return { lie: 'it is said to be ready, and has no address' }
  const { host, port, user, host_key, signature } = endpoint
  const key = parsePublicKey(host_key)
  const portOk = Number.isInteger(port) && port > 0 && port < 65_536
  if (!hostName.safeParse(host).success || !portOk || !USER.test(user) || !key.ok) return { lie: 'its address, user or host key is malformed' }
  const print = fingerprint(key.line)
  const statement = hostKeyStatement({ allocation: id, incarnation, host, port, fingerprint: print })
  if (!verifyBytes(hotkey, statement, signature)) return { lie: 'its hotkey did not sign its host key' }
  return { door: { host, port, user, hostKey: key.line }, fingerprint: print }
}
