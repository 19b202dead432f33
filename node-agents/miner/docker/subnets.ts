/** Ranges of IPv4 addresses: where our networks may be without being in anybody's way. Pure. */
export type Subnet = { /** First address as a number. */ base: number; /** Bits of the network. */ bits: number }

/** Room for the bridge and one container. */
const BITS = 29

const size = (s: Subnet) => 2 ** (32 - s.bits)

/** Parses "198.18.0.0/15", or null. Bits after the network are dropped. */
export function parseSubnet(text: string): Subnet | null {
  const [, a, b, c, d, bits] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text.trim())?.map(Number) ?? []
  if ([a, b, c, d].some((n) => n === undefined || n > 255) || bits === undefined || bits > 32) return null
  const address = [a, b, c, d].reduce<number>((sum, n) => sum * 256 + (n ?? 0), 0)
  return { base: address - (address % 2 ** (32 - bits)), bits }
}

export const subnetText = ({ base, bits }: Subnet) => `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${bits}`

export const overlaps = (a: Subnet, b: Subnet) => a.base < b.base + size(b) && b.base < a.base + size(a)

/** How many networks of ours fit. */
export const countIn = (pool: Subnet) => Math.floor(size(pool) / 2 ** (32 - BITS))

/** @param index counts from 0 and goes round */
export const subnetAt = (pool: Subnet, index: number): Subnet => ({ base: pool.base + (index % countIn(pool)) * 2 ** (32 - BITS), bits: BITS })

const bytesOf = (hex: string) => Number.parseInt(hex.match(/../g)?.toReversed().join('') ?? '', 16)

/** Networks this host reaches, out of /proc/net/route; the default route is not one. */
export function routesOf(text: string): Subnet[] {
  const rows = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
  return rows.flatMap(([, destination, , , , , , mask]) => {
    if (!destination || !mask || mask === '00000000') return []
    const bits = bytesOf(mask).toString(2).replaceAll('0', '').length
    return [{ base: bytesOf(destination), bits }]
  })
}
