import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fingerprint, hostKeyStatement, type ProofState } from '../../../schema/index.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { generateSshKey } from '../../core/ssh-key.ts'
import { makeSigner } from '../../core/signer.ts'
import { doorOf } from './door.ts'

const miner = makeSigner(hotkeyFromSeed(randomBytes(32)))
const other = makeSigner(hotkeyFromSeed(randomBytes(32)))
const hostKey = generateSshKey('').publicKey

type Endpoint = NonNullable<ProofState['endpoint']>
function stateOf(change: Partial<Endpoint> = {}, o: Partial<ProofState> = {}, by = miner): ProofState {
  const at = { allocation: 'al_1', incarnation: 1, host: '203.0.113.7', port: 20_022, fingerprint: fingerprint(hostKey) }
  const endpoint = { host: at.host, port: at.port, user: 'root', host_key: hostKey, signature: by.sign(hostKeyStatement(at)), ...change }
  const times = { opened_at_ms: 0, go_at_ms: null, committed_at_ms: null, closed_at_ms: null, ends_at_ms: 300_000 }
  return { id: 'al_1', hotkey: miner.address, state: 'ready', reason: null, incarnation: 1, endpoint, gpus: [], ...times, ...o }
}

describe('an address', () => {
  it('is believed when the hotkey signed it for this container', () => {
    expect(doorOf(stateOf(), miner.address)).toEqual({
      door: { host: '203.0.113.7', port: 20_022, user: 'root', hostKey },
      fingerprint: fingerprint(hostKey),
    })
  })

  it.each<[string, ProofState, RegExp]>([
    ['of another host', stateOf({ host: '203.0.113.8' }), /did not sign/],
    ['of another port', stateOf({ port: 20_023 }), /did not sign/],
    ['with another host key', stateOf({ host_key: generateSshKey('').publicKey }), /did not sign/],
    ['of another container of the same proof', stateOf({}, { incarnation: 2 }), /did not sign/],
    ['of another proof', stateOf({}, { id: 'al_2' }), /did not sign/],
    ['signed by somebody else', stateOf({}, {}, other), /did not sign/],
    ['of another miner, whose own signature holds', stateOf({}, { hotkey: other.address }, other), /the edge led to/],
    ['that is none', stateOf({}, { endpoint: null }), /no address/],
    ['with an option in place of a host', stateOf({ host: '-oProxyCommand=x' }), /malformed/],
    ['with a user that is none', stateOf({ user: 'root; reboot' }), /malformed/],
    ['with a key that is none', stateOf({ host_key: 'ssh-ed25519 AAAA' }), /malformed/],
    ['with a port that is none', stateOf({ port: 65_536 }), /malformed/],
    ['with a signature that is none', stateOf({ signature: '0x00' }), /did not sign/],
  ])('%s is not', (_, state, why) => {
    const believed = doorOf(state, miner.address)
    expect('lie' in believed ? believed.lie : 'believed').toMatch(why)
  })
})
