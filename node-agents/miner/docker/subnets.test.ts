import { expect, test } from 'vitest'
import { countIn, overlaps, parseSubnet, routesOf, type Subnet, subnetAt, subnetText } from './subnets.ts'

const net = (text: string): Subnet => {
  const parsed = parseSubnet(text)
  if (!parsed) throw new Error(text)
  return parsed
}

test.each(['198.18.0.0/15', '10.0.0.8/29', '0.0.0.0/0', '255.255.255.255/32'])('%s is read and written alike', (text) => {
  expect(subnetText(net(text))).toBe(text)
})

test('bits after the network are dropped', () => expect(subnetText(net('10.1.2.3/16'))).toBe('10.1.0.0/16'))

test.each(['', '10.0.0.0', '10.0.0.0/33', '256.0.0.0/8', '10.0.0/8', 'fd00::/8'])('%o is none', (text) => expect(parseSubnet(text)).toBeNull())

test.each([
  ['10.0.0.0/8', '10.1.2.0/24', true],
  ['10.1.2.0/24', '10.0.0.0/8', true],
  ['10.0.0.0/29', '10.0.0.8/29', false],
  ['10.0.0.0/29', '10.0.0.7/32', true],
])('%s and %s: %o', (a, b, together) => expect(overlaps(net(a), net(b))).toBe(together))

test('a pool is cut into pieces of eight addresses, and goes round', () => {
  const pool = net('198.18.0.0/28')
  expect([0, 1, 2].map((i) => subnetText(subnetAt(pool, i)))).toEqual(['198.18.0.0/29', '198.18.0.8/29', '198.18.0.0/29'])
  expect(countIn(net('198.18.0.0/15'))).toBe(16_384)
})

test('what the host reaches is read from the kernel, the default route left out', () => {
  const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`
  expect(routesOf(text).map(subnetText)).toEqual(['172.17.0.0/16', '192.0.2.0/24'])
})
