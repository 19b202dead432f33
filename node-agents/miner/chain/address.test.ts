import { describe, expect, it } from 'vitest'
import { ipOf, isPublic, wantedOf } from './address.ts'

const find = (answers: string[]) => () => Promise.resolve(answers)
const unused = () => Promise.reject(new Error('nobody is to be asked'))

describe('the address to announce', () => {
  const cases: [string, string | null, string, string[], string | null, string][] = [
    ['--axon-ip', '203.0.113.1', 'host.example', [], null, '203.0.113.1'],
    ['--address that is one', null, '203.0.113.2', [], null, '203.0.113.2'],
    ['what the name of --address leads to', null, 'host.example', ['203.0.113.3'], null, '203.0.113.3'],
    ['IPv4 rather than IPv6', null, 'host.example', ['2001:db8::1', '203.0.113.4'], null, '203.0.113.4'],
    ['IPv6 when there is nothing else', null, 'host.example', ['2001:db8::1'], null, '2001:db8::1'],
    ['of several the one on chain', null, 'host.example', ['203.0.113.5', '203.0.113.6'], '203.0.113.6', '203.0.113.6'],
    ['not the one on chain when the name has left it', null, 'host.example', ['203.0.113.5'], '203.0.113.6', '203.0.113.5'],
  ]
  it.each(cases)('is %s', async (_, axonIp, address, answers, onChain, ip) => {
    expect(await ipOf({ axonIp, address }, onChain, answers.length > 0 ? find(answers) : unused)).toBe(ip)
  })

  it.each([
    ['no answer', find([])],
    ['a failure', () => Promise.reject(new Error('ENOTFOUND'))],
  ])('%s names the flags', async (_, lookup) => {
    const asked = ipOf({ axonIp: null, address: 'host.example' }, null, lookup)
    await expect(asked).rejects.toMatchObject({ name: 'Mistake', message: expect.stringMatching(/--address host\.example .*--axon-ip/) })
  })
})

describe('what is announced', () => {
  it('is the version, and where metrics are only if the public may read them', () => {
    const wanted = (metrics: { host: string; port: number } | null) => wantedOf({ axonPort: 9000, metrics }, '5.9.1.1')
    expect(wanted(null)).toEqual({ axon: { ip: '5.9.1.1', port: 9000, version: 183 }, prometheus: { ip: '5.9.1.1', port: 8091, version: 183 } })
    expect(wanted({ host: '127.0.0.1', port: 9101 }).prometheus).toEqual({ ip: '5.9.1.1', port: 8091, version: 183 })
    expect(wanted({ host: '10.0.0.5', port: 9101 }).prometheus).toMatchObject({ port: 8091 })
    expect(wanted({ host: '5.9.1.2', port: 9101 }).prometheus).toEqual({ ip: '5.9.1.2', port: 9101, version: 183 })
  })
})

it.each([
  ['5.9.1.1', true],
  ['127.0.0.2', false],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['192.168.0.9', false],
  ['169.254.169.254', false],
  ['2a01:4f8::1', true],
  ['fd00::1', false],
  ['fe80::1', false],
  ['::1', false],
])('%s is public: %s', (ip, is) => expect(isPublic(ip)).toBe(is))
