import { randomBytes } from 'node:crypto'
import { getPublicKey, secretFromSeed, sign } from '@scure/sr25519'
import { expect, test } from 'vitest'
import { type AllocationView, encodeHotkey, fingerprint, hostKeyStatement, knownHosts } from '../../schema/index.ts'
import { sshArguments } from './commands/ssh.ts'
import { door } from './endpoint.ts'

const secret = secretFromSeed(randomBytes(32))
const hotkey = encodeHotkey(getPublicKey(secret))
const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJ1Qn2VbRPWUDM4zWdSMSNdW1f4kQj8MeJvWUhSjbXB'
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJJ1Qn2VbRPWUDM4zWdSMSNdW1f4kQj8MeJvWUhSjbXB'
const ID = 'al_01k0000000000000000000000a'

type Endpoint = NonNullable<AllocationView['endpoint']>

function signed({ host = 'gpu.example', port = 20001, user = 'root', host_key = HOST_KEY }: Partial<Endpoint> = {}): Endpoint {
  const statement = hostKeyStatement({ allocation: ID, incarnation: 2, host, port, fingerprint: fingerprint(host_key) })
  const signature = `0x${Buffer.from(sign(secret, statement)).toString('hex')}`
  return { host, port, user, host_key, signature, fingerprint: fingerprint(host_key), known_hosts: knownHosts(host, port, host_key), ssh_command: '' }
}

function view(endpoint: Endpoint | null, more: Partial<AllocationView> = {}): AllocationView {
  const at = '2026-01-01T00:00:00.000Z'
  return {
    id: ID,
    name: null,
    state: 'running',
    hotkey,
    gpus: [],
    image: 'i',
    simulated: false,
    driver: 'docker',
    desired: 'run',
    degraded: false,
    unreachable_since: null,
    restart_n: 0,
    observed_restart_n: 0,
    keys_n: 0,
    observed_keys_n: 0,
    endpoint,
    progress: null,
    error: null,
    tried: [],
    incarnation: 2,
    generation: 1,
    observed_generation: 1,
    created_at: at,
    ready_at: at,
    expires_at: at,
    ended_at: null,
    end_reason: null,
    trace_id: 'a'.repeat(32),
    ...more,
  }
}

test('an endpoint that its miner signed is believed', () => {
  expect(door(view(signed()))).toEqual({ host: 'gpu.example', port: 20001, user: 'root', knownHosts: `[gpu.example]:20001 ${HOST_KEY}` })
})

test.each<[string, AllocationView]>([
  ['another host key', view({ ...signed(), host_key: OTHER_KEY })],
  ['another host', view({ ...signed(), host: 'evil.example' })],
  ['another port', view({ ...signed(), port: 22 })],
  ['another container', view(signed(), { incarnation: 3 })],
  ['another miner', view(signed(), { hotkey: encodeHotkey(randomBytes(32)) })],
  ['no signature', view({ ...signed(), signature: '' })],
  ['an option as host', view(signed({ host: '-oProxyCommand=x' }))],
  ['an option as user', view(signed({ user: '-oProxyCommand=x' }))],
  ['two lines as host key', view({ ...signed(), host_key: `${HOST_KEY}\n* ${OTHER_KEY}` })],
])('%s is not', (_, lie) => expect(() => door(lie)).toThrow(/cannot be trusted/))

test('without an endpoint it says what to do', () => {
  expect(() => door(view(null, { state: 'starting' }))).toThrow(/is starting and has no address: wait/)
  expect(() => door(view(null, { state: 'ended' }))).toThrow(/rent again/)
})

test('ssh gets the pin, and the command stays behind the options', () => {
  const args = sshArguments({ host: 'h', port: 7, user: 'root', knownHosts: '' }, '/a b/known_hosts', ['/k'], ['-x', 'a b'])
  expect(args).toContain('StrictHostKeyChecking=yes')
  expect(args).toContain('UserKnownHostsFile="/a b/known_hosts"')
  expect(args.slice(-8)).toEqual(['-i', '/k', '-p', '7', 'root@h', '--', '-x', 'a b'])
})
