import type { Network } from '../../core/chain/networks.ts'
import { inTao } from '../../core/chain/amount.ts'
import type { Hyperparameters } from '../../core/chain/types.ts'

export type Subnet = { network: Network['name']; netuid: number }
type Price = Pick<Hyperparameters, 'registrationAllowed' | 'burn'>

/** How a hotkey gets onto a subnet. @param network as --chain has it */
export function howToRegister({ network, netuid }: Subnet, { registrationAllowed, burn }: Price): string {
  if (!registrationAllowed) return `the owner of subnet ${netuid} has closed registration: ask there, or name another with --netuid`
  const where = `--netuid ${netuid} --network ${network.split(',')[0]}`
  return `register it from where its coldkey is: btcli subnet register ${where} --wallet.name NAME --wallet.hotkey HOTKEY (${inTao(burn)} TAO now)`
}

/** @param before the uid it had a moment ago; null: none */
export function notRegistered(hotkey: string, subnet: Subnet, price: Price, before: number | null): string {
  const lost = before === null ? 'is not registered' : `was deregistered (it had uid ${before})`
  return `${hotkey} ${lost} on subnet ${subnet.netuid}: ${howToRegister(subnet, price)}`
}
