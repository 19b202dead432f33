import { readFile } from 'node:fs/promises'
import { reason } from '../../core/mistake.ts'
import { type Family, gap, IPV4, IPV6, isEngines, oursIn, transaction } from './rules.ts'
import { tool } from './tool.ts'

/** Whether tenants are kept from the host and from private networks, and if not, why. */
export type Wall = { network: 'isolated'; reason: null } | { network: 'open'; reason: string }

export type Firewall = {
  /** Lays the rules where they are missing. A look that is younger than this is taken as it was. @param maxAgeMs milliseconds; default: look now */
  ensure(maxAgeMs?: number): Promise<Wall>
}

/** Seconds to wait for others who change rules. */
const LOCK_S = '5'
/** Variants of the same tool; the engine uses one of them. */
const VARIANTS = ['', '-nft', '-legacy']
const nameOf = (f: Family, variant: string) => `${f.version === 4 ? 'iptables' : 'ip6tables'}${variant}`

const listing = (f: Family, variant: string) => tool(nameOf(f, variant), ['-w', LOCK_S, '-S'])

const hasIpv6 = () =>
  readFile('/proc/net/if_inet6', 'utf8').then(
    (text) => text.trim() !== '',
    () => false,
  )

/** The variant whose tables the engine writes to. Throws why there is none. */
async function findVariant(): Promise<string> {
  let why: unknown = null
  for (const variant of VARIANTS) {
    try {
      if (isEngines(await listing(IPV4, variant))) return variant
      why ??= new Error('the engine has no DOCKER-USER chain here: it runs with iptables=false, or this agent is not on its host')
    } catch (error) {
      why ??= error
    }
  }
  throw why instanceof Error ? why : new Error('there is no iptables on this host')
}

/**
 * Keeps tenants' bridges away from everything that is not the public internet. Never throws: what cannot be done is the reason.
 * @param prefix bridges whose names begin so; the chains are named after it
 */
export function firewall(prefix: string): Firewall {
  const laid = new Map<Family, readonly string[]>()
  let last: { atMs: number; wall: Wall } | null = null
  let under: Promise<Wall> | null = null

  const holds = async (f: Family, variant: string): Promise<void> => {
    const before = await listing(f, variant)
    if (gap(prefix, f, before, laid.get(f) ?? null) === null) return
    await tool(`${nameOf(f, variant)}-restore`, ['-w', LOCK_S, '--noflush'], transaction(prefix, f, before))
    const after = await listing(f, variant)
    laid.set(f, oursIn(after, prefix))
    const why = gap(prefix, f, after, oursIn(after, prefix))
    if (why) throw new Error(`${nameOf(f, variant)}: ${why}`)
  }

  const look = async (): Promise<Wall> => {
    try {
      const variant = await findVariant()
      await holds(IPV4, variant)
      if (await hasIpv6()) await holds(IPV6, variant)
      return { network: 'isolated', reason: null }
    } catch (error) {
      return { network: 'open', reason: reason(error) }
    }
  }

  return {
    async ensure(maxAgeMs = 0) {
      if (last && performance.now() - last.atMs < maxAgeMs) return last.wall
      under ??= look().finally(() => (under = null))
      const wall = await under
      last = { atMs: performance.now(), wall }
      return wall
    },
  }
}

/** No rules at all: what tenants may reach is what the host lets them. */
export const noFirewall: Firewall = { ensure: async () => ({ network: 'open', reason: 'this agent lays no rules' }) }
