/**
 * What tenants may reach: the public internet, and nobody near this host. The content depends on the prefix alone, so that
 * two agents on one engine share the chains without a fight.
 */

/** One table of one protocol. `forward`: the chains that what containers send outwards passes first. */
export type Family = { version: 4 | 6; forward: readonly string[]; reject: string; ranges: readonly string[] }

/** Nothing of these is the public internet: private, carrier, Azure's wire server, link-local and metadata, documentation, benchmarks, multicast, reserved. */
const NOT_PUBLIC = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]

/**
 * FORWARD, because others let things pass there before the engine's chains (VPNs, libvirt, Kubernetes). DOCKER-USER, because the
 * engine puts its own in front when it starts, and leaves that one alone. Our networks have no IPv6, so nothing of it may pass.
 */
export const IPV4: Family = { version: 4, forward: ['FORWARD', 'DOCKER-USER'], reject: 'icmp-admin-prohibited', ranges: NOT_PUBLIC }
export const IPV6: Family = { version: 6, forward: ['FORWARD'], reject: 'icmp6-adm-prohibited', ranges: ['::/0'] }

const chains = (prefix: string) => ({ out: `${prefix.toUpperCase()}-FWD`, in: `${prefix.toUpperCase()}-IN` })

/** Where the engine's chains lead into ours. */
const jumps = (prefix: string, f: Family) => [
  { chain: 'INPUT', rule: `-i ${prefix}+ -j ${chains(prefix).in}` },
  ...f.forward.map((chain) => ({ chain, rule: `-i ${prefix}+ -j ${chains(prefix).out}` })),
]

function content(prefix: string, f: Family): string[] {
  const { out, in: to } = chains(prefix)
  const refuse = `-j REJECT --reject-with ${f.reject}`
  return [
    `-A ${out} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    // Another tenant, whatever addresses the pool has, and also through the host: a published port leads here by DNAT.
    `-A ${out} -o ${prefix}+ ${refuse}`,
    ...f.ranges.map((range) => `-A ${out} -d ${range} ${refuse}`),
    `-A ${out} -p tcp -m tcp --dport 25 ${refuse}`,
    // What the host asks of a container (SSH through its proxy) may be answered; a container asks the host for nothing.
    `-A ${to} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A ${to} ${refuse}`,
  ]
}

/** Rules of one chain, in order, out of what `iptables -S` prints. */
const rulesOf = (listing: string, chain: string) => listing.split('\n').filter((line) => line.startsWith(`-A ${chain} `))

/** Our chains as the kernel has them now: to compare with what it showed when they were laid. */
export const oursIn = (listing: string, prefix: string): string[] => Object.values(chains(prefix)).flatMap((chain) => rulesOf(listing, chain))

/** The whole change as one transaction of iptables-restore: there is no moment without rules. */
export function transaction(prefix: string, f: Family, listing: string): string {
  const away = jumps(prefix, f).flatMap(({ chain, rule }) => rulesOf(listing, chain).filter((line) => line === `-A ${chain} ${rule}`))
  return [
    '*filter',
    ...Object.values(chains(prefix)).map((chain) => `:${chain} - [0:0]`),
    ...content(prefix, f),
    ...away.map((line) => line.replace(/^-A/, '-D')),
    ...jumps(prefix, f).map(({ chain, rule }) => `-I ${chain} 1 ${rule}`),
    'COMMIT',
    '',
  ].join('\n')
}

/** A rule for other interfaces cannot let ours pass. */
function isAboutOthers(line: string, prefix: string): boolean {
  const name = / -i (\S+)/.exec(line)?.[1]
  if (name === undefined || / ! -i /.test(line)) return false
  return name.endsWith('+') ? !prefix.startsWith(name.slice(0, -1)) && !name.startsWith(prefix) : !name.startsWith(prefix)
}

/**
 * Why the rules do not hold, or null. Pure.
 * @param laid our chains as the kernel showed them when they were laid; null: they never were
 */
export function gap(prefix: string, f: Family, listing: string, laid: readonly string[] | null): string | null {
  if (!laid || laid.length !== content(prefix, f).length) return 'the rules are not laid yet'
  if (oursIn(listing, prefix).join('\n') !== laid.join('\n')) return 'somebody changed the rules'
  for (const { chain, rule } of jumps(prefix, f)) {
    const rules = rulesOf(listing, chain)
    const at = rules.indexOf(`-A ${chain} ${rule}`)
    if (at < 0) return `${chain} does not lead to the rules`
    const before = rules.slice(0, at).find((line) => !isAboutOthers(line, prefix))
    if (before) return `${before} comes before the rules`
  }
  return null
}

/** Whether this listing is the one the engine writes its own rules to. */
export const isEngines = (listing: string): boolean => rulesOf(listing, 'FORWARD').some((line) => line.endsWith(' -j DOCKER-USER'))
