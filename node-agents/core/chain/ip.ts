import { isIPv4, isIPv6 } from 'node:net'
import { ChainError } from './errors.ts'

/** An address as the chain keeps it: octets from the highest on, in one integer. */
export type ChainIp = { ip: bigint; ipType: 4 | 6 }

const V4_MAX = 0xffff_ffffn
const V6_MAX = (1n << 128n) - 1n
/** The runtime's `is_valid_ip_address`: it takes these nowhere. Private ranges it takes. */
const REFUSED: Record<4 | 6, bigint[]> = { 4: [0n, 0x7f00_0001n, V4_MAX], 6: [0n, 1n, V6_MAX] }

/**
 * IPv4 in four decimal numbers without leading zeros, or IPv6 without a zone; null: nothing is served, kept as 0.
 * @throws ChainError for any other text, and for what the chain refuses: 127.0.0.1, ::1, 255.255.255.255 …
 */
export function ipToChain(text: string | null): ChainIp {
  if (text === null) return { ip: 0n, ipType: 4 }
  const ipType = isIPv4(text) ? 4 : isIPv6(text) && !text.includes('%') ? 6 : null
  if (ipType === null) throw refused(text, 'it is neither IPv4 such as 203.0.113.7 nor IPv6 such as 2001:db8::7')
  const ip = ipType === 4 ? joined(text.split('.').map(Number), 8n) : joined(groups(text), 16n)
  if (REFUSED[ipType].includes(ip)) throw refused(text, 'nobody else could reach it')
  return { ip, ipType }
}

/**
 * Dotted IPv4, or IPv6 in its shortest lower-case form (RFC 5952); null for 0.
 * Null as well for what is no address of that type, which old runtimes stored: nobody can be reached there.
 */
export function ipFromChain(ip: bigint, ipType: number): string | null {
  if (ip === 0n) return null
  if (ipType === 4 && ip <= V4_MAX) return split(ip, 8n, 4).join('.')
  if (ipType === 6 && ip <= V6_MAX) return shortened(split(ip, 16n, 8).map((group) => group.toString(16)))
  return null
}

function refused(text: string, why: string): ChainError {
  return new ChainError('InvalidIpAddress', 'request', `The chain takes no address "${text}", ${why}: give the one by which others reach this host`, false)
}

/** The eight groups of a valid IPv6 text. */
function groups(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const before = partOf(head)
  if (tail === undefined) return before
  const after = partOf(tail)
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** Groups of hex digits; the last may be an IPv4, which makes two. */
function partOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    return split(joined(group.split('.').map(Number), 8n), 16n, 2)
  })
}

function joined(parts: number[], bits: bigint): bigint {
  return parts.reduce((all, part) => (all << bits) | BigInt(part), 0n)
}

function split(value: bigint, bits: bigint, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => Number((value >> (bits * BigInt(parts - 1 - i))) & ((1n << bits) - 1n)))
}

/** The first of the longest runs of two or more zero groups becomes "::". */
function shortened(parts: string[]): string {
  let [from, length] = [0, 1]
  for (let i = 0; i < parts.length; i++) {
    let end = i
    while (parts[end] === '0') end++
    if (end - i > length) [from, length] = [i, end - i]
  }
  if (length < 2) return parts.join(':')
  return `${parts.slice(0, from).join(':')}::${parts.slice(from + length).join(':')}`
}
