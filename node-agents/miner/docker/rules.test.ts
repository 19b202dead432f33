import { expect, test } from 'vitest'
import { gap, IPV4, isEngines, oursIn, transaction } from './rules.ts'

/** What `iptables -S` prints once a transaction has been carried out on these rules of INPUT, DOCKER-USER and FORWARD. */
function carriedOut(input: string[], user: string[], forward = ['OURS', '-A FORWARD -j DOCKER-USER']): string {
  const laid = transaction('compute', IPV4, '')
    .split('\n')
    .filter((line) => line.startsWith('-A COMPUTE-'))
  const ours = (lines: string[], rule: string) => lines.map((line) => (line === 'OURS' ? rule : line))
  return [
    '-P INPUT ACCEPT',
    ...ours(input, '-A INPUT -i compute+ -j COMPUTE-IN'),
    ...ours(forward, '-A FORWARD -i compute+ -j COMPUTE-FWD'),
    ...ours(user, '-A DOCKER-USER -i compute+ -j COMPUTE-FWD'),
    ...laid,
  ].join('\n')
}
const good = carriedOut(['OURS', '-A INPUT -j ACCEPT'], ['OURS', '-A DOCKER-USER -j RETURN'])
const laid = oursIn(good, 'compute')

test('laid and first, they hold', () => expect(gap('compute', IPV4, good, laid)).toBeNull())

test.each<[string, string[], string[], string | null]>([
  ['rules for other interfaces may come before', ['-A INPUT -i lo -j ACCEPT', '-A INPUT -i other+ -j OTHER-IN', 'OURS'], ['OURS'], null],
  ['what takes everything may not', ['-A INPUT -j ACCEPT', 'OURS'], ['OURS'], '-A INPUT -j ACCEPT comes before the rules'],
  ['nor what takes all but one interface', ['-A INPUT ! -i lo -j ACCEPT', 'OURS'], ['OURS'], '-A INPUT ! -i lo -j ACCEPT comes before the rules'],
  ['nor what takes our bridges', ['-A INPUT -i comp+ -j ACCEPT', 'OURS'], ['OURS'], '-A INPUT -i comp+ -j ACCEPT comes before the rules'],
  ['nor one of our bridges', ['OURS'], ['-A DOCKER-USER -i compute01 -j RETURN', 'OURS'], '-A DOCKER-USER -i compute01 -j RETURN comes before the rules'],
  ['somebody has to lead to them', ['OURS'], ['-A DOCKER-USER -j RETURN'], 'DOCKER-USER does not lead to the rules'],
])('%s', (_, input, user, why) => expect(gap('compute', IPV4, carriedOut(input, user), laid)).toBe(why))

test.each<[string, string[], string | null]>([
  ['a VPN that lets things pass before the engine’s chains', ['-A FORWARD -j ts-forward', 'OURS'], '-A FORWARD -j ts-forward comes before the rules'],
  ['an engine that put its own chain in front', ['-A FORWARD -j DOCKER-USER', 'OURS'], '-A FORWARD -j DOCKER-USER comes before the rules'],
  ['bridges of somebody else', ['-A FORWARD -i virbr0 -j LIBVIRT_FWO', 'OURS'], null],
])('%s', (_, forward, why) => expect(gap('compute', IPV4, carriedOut(['OURS'], ['OURS'], forward), laid)).toBe(why))

test('a rule more, a rule less, another order: somebody changed them', () => {
  const [first = '', second = '', ...rest] = laid
  for (const changed of [
    [first, ...rest],
    [...laid, '-A COMPUTE-FWD -j ACCEPT'],
    [second, first, ...rest],
  ]) {
    const seen = [...good.split('\n').filter((line) => !laid.includes(line)), ...changed].join('\n')
    expect(gap('compute', IPV4, seen, laid)).toBe('somebody changed the rules')
  }
})

test('never laid by this process is not laid', () => expect(gap('compute', IPV4, good, null)).toBe('the rules are not laid yet'))

test('one transaction takes the old ways in away and puts one first', () => {
  const lines = transaction('compute', IPV4, `${good}\n-A INPUT -i compute+ -j COMPUTE-IN`).split('\n')
  const ways = lines.filter((line) => / (INPUT|FORWARD|DOCKER-USER) /.test(line))
  expect(ways).toEqual([
    '-D INPUT -i compute+ -j COMPUTE-IN',
    '-D INPUT -i compute+ -j COMPUTE-IN',
    '-D FORWARD -i compute+ -j COMPUTE-FWD',
    '-D DOCKER-USER -i compute+ -j COMPUTE-FWD',
    '-I INPUT 1 -i compute+ -j COMPUTE-IN',
    '-I FORWARD 1 -i compute+ -j COMPUTE-FWD',
    '-I DOCKER-USER 1 -i compute+ -j COMPUTE-FWD',
  ])
  expect([lines[0], lines.at(-2)]).toEqual(['*filter', 'COMMIT'])
})

test.each(['10.0.0.0/8', '100.64.0.0/10', '168.63.129.16/32', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', '224.0.0.0/3'])('%s is closed', (range) => {
  expect(laid).toContain(`-A COMPUTE-FWD -d ${range} -j REJECT --reject-with icmp-admin-prohibited`)
})

test('knows whose tables these are', () => {
  expect(isEngines('-A FORWARD -j DOCKER-USER')).toBe(true)
  expect(isEngines('-N DOCKER-USER\n-A FORWARD -j DOCKER')).toBe(false)
})
