import type { Neuron } from '../../core/chain/types.ts'
import type { Exclusion, Filtered, FilterRules } from './types.ts'

type Out = { excluded: Exclusion; why: string }

/**
 * Who is proved and scored, in the original's order: ourselves, no address, black-lists, version. An outdated miner is left out only when
 * more than `quorum` percent of those left have the minimum version: so a new minimum, or a wrong one, never empties the subnet. Two uids
 * at one address are shown to each other and decide nothing: the address belongs to whoever answers there with the pinned host key.
 */
export function filter(neurons: Neuron[], rules: FilterRules): Filtered[] {
  const first = neurons.map((neuron) => ({ neuron, out: listed(neuron, rules) }))
  const left = first.filter(({ out }) => out === null).map(({ neuron }) => neuron)
  const enforced = upToDatePercent(left, rules.minimumVersion) > rules.quorum
  const shares = sharedBy(neurons)
  return first.map(({ neuron, out }) => {
    const why = out ?? (enforced ? outdated(neuron, rules.minimumVersion) : null)
    return { uid: neuron.uid, hotkey: neuron.hotkey, excluded: why?.excluded ?? null, why: why?.why ?? null, shares: shares(neuron) }
  })
}

function listed({ hotkey, coldkey, axon }: Neuron, { own, blacklist }: FilterRules): Out | null {
  if (hotkey === own) return { excluded: 'own', why: 'this is the hotkey of this validator' }
  if (axon.ip === null || axon.port === 0) return { excluded: 'no_address', why: 'it announces no address on chain' }
  if (blacklist.hotkeys.has(hotkey)) return { excluded: 'hotkey_blacklisted', why: 'this validator has its hotkey on the black-list' }
  if (blacklist.coldkeys.has(coldkey)) return { excluded: 'coldkey_blacklisted', why: `this validator has its coldkey ${coldkey} on the black-list` }
  if (blacklist.exploiters.has(hotkey)) return { excluded: 'exploiter', why: 'its hotkey is on the list of suspected exploiters' }
  if (blacklist.exploiters.has(coldkey)) return { excluded: 'exploiter', why: `its coldkey ${coldkey} is on the list of suspected exploiters` }
  return null
}

function outdated({ axon }: Neuron, minimum: number): Out | null {
  if (axon.version >= minimum) return null
  return { excluded: 'outdated', why: `it announces version ${axon.version} on chain, and most others have ${minimum} or later` }
}

/** Of those left and not of all: the original counted every address, so that outdated miners outvoted themselves. 0 when nobody is left. */
function upToDatePercent(left: Neuron[], minimum: number): number {
  const upToDate = left.filter((n) => n.axon.version >= minimum).length
  return left.length === 0 ? 0 : (100 * upToDate) / left.length
}

/** Other uids at the same address and port. */
function sharedBy(neurons: Neuron[]): (neuron: Neuron) => number[] {
  const address = ({ axon }: Neuron) => (axon.ip === null ? null : `${axon.ip} ${axon.port}`)
  const at = Map.groupBy(neurons, address)
  return (neuron) => {
    const here = address(neuron)
    return here === null ? [] : (at.get(here) ?? []).filter((n) => n.uid !== neuron.uid).map((n) => n.uid)
  }
}
