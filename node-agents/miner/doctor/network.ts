import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { reason } from '../../core/mistake.ts'
import type { Firewall } from '../docker/firewall.ts'
import type { Probe } from '../docker/probe.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const DIAL_MS = 30_000
const NO_TOOL = 42
const METADATA = '169.254.169.254'
const RESOLVABLE = 'example.com'
/** The engine's resolver, at this address in every container: open where dialling works at all, so that "closed" means closed. */
const CONTROL = '127.0.0.11:53'

/** Constant text; what to dial stands in its arguments. Images have different tools, and one of them is enough. */
const DIAL = `
if command -v bash; then by=bash; elif command -v python3; then by=python3; elif command -v nc; then by=nc; else exit ${NO_TOOL}; fi >/dev/null 2>&1
dial() {
  case $by in
    bash) timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" ;;
    python3) timeout 4 python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$1" "$2" ;;
    nc) timeout 4 nc -z -w 3 "$1" "$2" ;;
  esac
} >/dev/null 2>&1
for target in "$@"; do
  { dial "\${target%:*}" "\${target##*:}" && echo "$target open" || echo "$target closed"; } &
done
wait
`

/** Whether the rules stand. */
export async function rules(walls: Firewall): Promise<Finding> {
  const { network, reason: why } = await walls.ensure()
  if (network === 'isolated') return ok('rules', 'tenants are kept from the host and from private networks')
  return fail(
    'rules',
    `nothing keeps tenants from the host and from private networks: ${why}`,
    'run the agent and this as root on the host of the engine, with iptables installed',
  )
}

/** Tries from inside what a tenant could try. The host listens itself, so that "closed" means closed and not "nobody there". */
export async function isolation(probe: Probe): Promise<Finding[]> {
  const server = await listen()
  try {
    const here = Object.values(networkInterfaces())
      .flat()
      .flatMap((a) => (a && a.family === 'IPv4' && !a.internal ? [a.address] : []))
    const { port } = server.address() as { port: number }
    const gateway = gatewayOf((await probe.exec(['cat', '/proc/net/route'], 5000)).output)
    const host = [...new Set([...here, ...(gateway ? [gateway] : [])])].map((address) => `${address}:${port}`)
    const { exitCode, output } = await probe.exec(['/bin/sh', '-c', DIAL, 'sh', CONTROL, ...host, `${METADATA}:80`, ...neighbours(here)], DIAL_MS)
    if (exitCode === NO_TOOL)
      return [
        warn('isolation', 'not proved: the image has neither bash nor python3 nor nc to try with', 'allow an image that has one of them, and run this again'),
      ]
    return [judge(output, host), await dns(probe)]
  } finally {
    server.close()
  }
}

async function listen(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end()).listen(0, '0.0.0.0')
  await once(server, 'listening')
  return server
}

/** The default gateway out of /proc/net/route, or null. Pure. */
export function gatewayOf(text: string): string | null {
  const hex = /^\S+\s+00000000\s+([0-9A-F]{8})\s/m.exec(text)?.[1]
  return hex
    ? (hex.match(/../g) ?? [])
        .toReversed()
        .map((byte) => Number.parseInt(byte, 16))
        .join('.')
    : null
}

/** Where routers of private networks usually are. Whoever they belong to, a tenant gets no answer. */
const neighbours = (here: string[]) =>
  [...new Set(['10.0.0.1', '172.16.0.1', '192.168.0.1', '192.168.1.1', ...here.map((a) => a.replace(/\d+$/, '1'))])]
    .filter((a) => !here.includes(a))
    .map((a) => `${a}:53`)

/** Pure. @param host where this host listened */
export function judge(output: string, host: readonly string[]): Finding {
  const said = new Map(
    output
      .trim()
      .split('\n')
      .map((line) => line.trim().split(' '))
      .flatMap(([target, state]) => (target && (state === 'open' || state === 'closed') ? [[target, state] as const] : [])),
  )
  const dials = said.get(CONTROL) === 'open'
  said.delete(CONTROL)
  const open = [...said].flatMap(([target, state]) => (state === 'open' ? [target] : []))
  if (open.length > 0)
    return fail(
      'isolation',
      `a container reaches ${open.join(', ')}${open.some((o) => host.includes(o)) ? ' (this host)' : ''}`,
      'see what comes before the rules: iptables -S FORWARD; iptables -S INPUT',
    )
  if (!dials || !host.every((target) => said.has(target)))
    return warn('isolation', `not proved: the probe said ${JSON.stringify(output.slice(0, 200))}`, 'run this again, with another image first in --images')
  return ok('isolation', `proved from inside a container: ${said.size} addresses of this host, of private networks and of metadata are closed`)
}

async function dns(probe: Probe): Promise<Finding> {
  const { exitCode } = await probe.exec(['getent', 'hosts', RESOLVABLE], 8000).catch(() => ({ exitCode: -1 }))
  if (exitCode === 0) return ok('dns', `${RESOLVABLE} is found from inside`)
  return warn(
    'dns',
    `${RESOLVABLE} is not found from inside a container: no internet, or the resolvers do not answer`,
    'name public resolvers with --dns, and let containers out to UDP port 53',
  )
}

/** Why no probe could be started. */
export const noProbe = (error: unknown): Finding =>
  fail(
    'probe',
    `no container could be started: ${reason(error)}`,
    'docker run --rm with the same image shows the cause; with GPUs: nvidia-ctk runtime configure --runtime=docker',
  )
