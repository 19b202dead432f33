import type { Network } from '../../core/chain/networks.ts'
import { realClock } from '../../core/clock.ts'
import { makeLog } from '../../core/log.ts'
import { reason } from '../../core/mistake.ts'
import type { Chain } from '../../core/ports.ts'
import { ipOf, isPublic } from '../chain/address.ts'
import { refusalOf } from '../../core/chain/announce.ts'
import { howToRegister } from '../chain/registration.ts'
import type { CheckConfig } from '../config.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const READY_MS = 20_000
/** Blocks come every twelve seconds: five of them late is no chance any more. */
const OLD_MS = 60_000
/** No block is of the future, but for what clocks of their makers are off. */
const EARLY_MS = 2000
const NTP = 'timedatectl set-ntp true, or: systemctl enable --now chrony'

/** Whether the chain answers and this hotkey is registered there, whether the address announced is one, and what the chain's time says of this clock. */
export async function chain(config: CheckConfig, hotkey: string | null, signal: AbortSignal): Promise<Finding[]> {
  const network = config.chain
  if (!network) return [ok('chain', 'left out (--chain none)')]
  const [axon, there] = await Promise.all([announced(config), connected(network, (c) => asked(c, network, config.netuid, hotkey), signal)])
  return [...there, ...axon]
}

/** What the chain says; or, when no endpoint answers, that. */
async function connected(network: Network, ask: (chain: Chain) => Promise<Finding[]>, signal: AbortSignal): Promise<Finding[]> {
  const { connectChain } = await import('../../core/chain/index.ts')
  const { endpoints, genesis, name } = network
  const chain = connectChain({ endpoints, genesis, log: makeLog('silent', 'doctor') })
  const stop = new AbortController()
  const running = chain.run(stop.signal)
  try {
    await chain.ready(AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]))
    return await ask(chain)
  } catch (error) {
    const why = chain.status().trouble ?? reason(error)
    return [
      fail(
        'chain',
        `${name}: ${why}`,
        'check the network, the firewall (outgoing WebSockets) and the clock of this host, or name other endpoints with --chain',
      ),
    ]
  } finally {
    stop.abort()
    await running
  }
}

async function asked(chain: Chain, { name }: Network, netuid: number, hotkey: string | null): Promise<Finding[]> {
  const { endpoint, head, spec } = chain.status()
  if (!head) return [fail('chain', `${endpoint} tells no block`, 'name other endpoints with --chain')]
  const ageMs = realClock.wallMs() - (await chain.timestampMs(head.hash))
  const at = `${endpoint} (runtime ${spec}) is at block ${head.number}`
  return [...timeFindings(at, ageMs), await registered(chain, { network: name, netuid }, hotkey)]
}

/** Pure. @param ageMs by this clock, of the best block */
export function timeFindings(at: string, ageMs: number): Finding[] {
  const age = `${(Math.abs(ageMs) / 1000).toFixed(1)} s`
  if (ageMs > OLD_MS)
    return [warn('chain', `${at}, ${age} old: the endpoint is behind, or this clock is ahead`, `${NTP}; or name other endpoints with --chain`)]
  if (ageMs < -EARLY_MS) return [ok('chain', at), warn('chain clock', `this clock is ${age} behind the chain, or more`, NTP)]
  return [ok('chain', `${at}, ${age} old`), ok('chain clock', "agrees with the chain's time")]
}

async function registered(chain: Chain, subnet: { network: string; netuid: number }, hotkey: string | null): Promise<Finding> {
  if (hotkey === null) return warn('registered', 'not asked: it takes a hotkey to ask', null)
  try {
    const [uid, price] = await Promise.all([chain.uidOf(subnet.netuid, hotkey), chain.hyperparameters(subnet.netuid)])
    if (uid !== null) return ok('registered', `uid ${uid} on subnet ${subnet.netuid}`)
    return fail('registered', `${hotkey} is not registered on subnet ${subnet.netuid}`, howToRegister(subnet, price))
  } catch (error) {
    return fail('registered', reason(error), 'see the message; try again')
  }
}

async function announced({ axonIp, address }: CheckConfig): Promise<Finding[]> {
  if (axonIp === null && address === null) return [warn('axon', 'no address to announce on chain', 'name it with --address or --axon-ip')]
  try {
    const ip = await ipOf({ axonIp, address: address ?? '' }, null)
    const refusal = refusalOf(ip)
    if (refusal !== null) return [fail('axon', refusal, 'name a public address with --axon-ip')]
    if (!isPublic(ip)) return [warn('axon', `${ip} is no public address: it says nothing to others on chain`, 'name the public one with --axon-ip')]
    return [ok('axon', `${ip} can be announced on chain`)]
  } catch (error) {
    return [fail('axon', reason(error), null)]
  }
}
