import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipFromChain, ipToChain } from './ip.ts'
import { axonCall, axonInfo, prometheusCall } from './served.ts'

describe('addresses on chain', () => {
  it.each([
    ['203.0.113.7', 0xcb00_7107n, 4],
    ['0.0.0.1', 1n, 4],
    ['127.0.0.2', 0x7f00_0002n, 4],
    ['10.0.0.1', 0x0a00_0001n, 4],
    ['255.255.255.254', 0xffff_fffen, 4],
    ['2001:db8::7', 0x2001_0db8_0000_0000_0000_0000_0000_0007n, 6],
    ['::2', 2n, 6],
    ['fe80::', 0xfe80n << 112n, 6],
    ['1:0:2::3', 0x0001_0000_0002_0000_0000_0000_0000_0003n, 6],
  ])('%s there and back', (text, ip, ipType) => {
    expect(ipToChain(text)).toEqual({ ip, ipType })
    expect(ipFromChain(ip, ipType)).toBe(text)
  })

  it.each([
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
  ])('%s is written %s', (text, shortest) => {
    const { ip, ipType } = ipToChain(text)
    expect(ipFromChain(ip, ipType)).toBe(shortest)
  })

  it('nothing served is 0', () => {
    expect(ipToChain(null)).toEqual({ ip: 0n, ipType: 4 })
    expect(ipFromChain(0n, 4)).toBeNull()
    expect(ipFromChain(0n, 6)).toBeNull()
    expect(ipFromChain(0n, 0)).toBeNull()
  })

  it('what is stored and no address is nothing to reach', () => {
    expect(ipFromChain(1n << 32n, 4)).toBeNull()
    expect(ipFromChain(5n, 0)).toBeNull()
    expect(ipFromChain(1n << 128n, 6)).toBeNull()
  })

  it.each(['127.0.0.1', '255.255.255.255', '0.0.0.0', '::1', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'])(
    '%s is refused as the chain refuses it',
    (text) => {
      expect(() => ipToChain(text)).toThrow(expect.objectContaining({ code: 'InvalidIpAddress', kind: 'request' }))
    },
  )

  it.each([
    '127.1',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.256',
    '0x7f.0.0.2',
    '2130706434',
    '',
    ' 1.2.3.4',
    'host.example',
    '1::2::3',
    ':1',
    'fe80::1%eth0',
    '[2001:db8::1]',
    '1.2.3.4:80',
  ])('"%s" is no address', (text) => {
    expect(() => ipToChain(text)).toThrow(/neither IPv4 such as/)
  })

  it('every IPv4 goes there and back', () => {
    const bannedByChain = [0, 0x7f00_0001, 0xffff_ffff]
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0xffff_fffe }).filter((n) => !bannedByChain.includes(n)),
        (n) => {
          const text = ipFromChain(BigInt(n), 4)
          expect(text !== null && isIPv4(text)).toBe(true)
          expect(ipToChain(text)).toEqual({ ip: BigInt(n), ipType: 4 })
        },
      ),
    )
  })

  it('every IPv6 goes there and back, written as everybody writes it', () => {
    const group = fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn }))
    fc.assert(
      fc.property(
        fc.array(group, { minLength: 8, maxLength: 8 }).filter((g) => g.some((x) => x > 1n) && g.some((x) => x !== 0xffffn)),
        (groups) => {
          const ip = groups.reduce((all, g) => (all << 16n) | g, 0n)
          const text = ipFromChain(ip, 6) ?? ''
          expect(isIPv6(text)).toBe(true)
          expect(ipToChain(text)).toEqual({ ip, ipType: 6 })
          // The long form says the same.
          expect(ipToChain(groups.map((g) => g.toString(16)).join(':'))).toEqual({ ip, ipType: 6 })
          // Where no IPv4 is embedded the system writes it alike.
          if (ip >> 48n !== 0n) expect(text).toBe(new SocketAddress({ address: text, family: 'ipv6' }).address)
        },
      ),
    )
  })
})

describe('announcing', () => {
  const call = { netuid: 27, ip: '203.0.113.7', port: 8091, version: 183 }

  it('an axon and a prometheus are the calls of the runtime', () => {
    expect(axonCall(call)).toEqual({ name: 'SubtensorModule.serve_axon', args: [27, 183, 0xcb00_7107n, 8091, 4, 4, 0, 0] })
    expect(prometheusCall(call)).toEqual({ name: 'SubtensorModule.serve_prometheus', args: [27, 183, 0xcb00_7107n, 8091, 4] })
  })

  it('an axon is taken back with no address; a prometheus cannot be', () => {
    expect(axonCall({ ...call, ip: null, port: 1 }).args).toEqual([27, 183, 0n, 1, 4, 4, 0, 0])
    expect(() => prometheusCall({ ...call, ip: null })).toThrow(/without an address/)
  })

  it.each([0, -1, 65_536, 1.5, Number.NaN])('port %d is refused before anything is sent', (port) => {
    for (const make of [axonCall, prometheusCall])
      expect(() => make({ ...call, port })).toThrow(expect.objectContaining({ code: 'InvalidPort', kind: 'request', retryable: false }))
  })

  it('reads an axon', () => {
    const stored = { block: 12n, version: 183, ip: 0xcb00_7107n, port: 8091, ipType: 4, protocol: 4, placeholder1: 0, placeholder2: 0 }
    expect(axonInfo(stored, 'axon')).toEqual({ ip: '203.0.113.7', port: 8091, version: 183, block: 12, protocol: 4 })
    expect(() => axonInfo({ ...stored, port: 'x' }, 'axon')).toThrow(/axon\.port is no whole number/)
  })
})
