import { list, nonsense, struct } from './plain.ts'
import { netuidIndex } from './weights.ts'
import type { Link, Plain } from './wire.ts'

/** Weights the chain opened by itself, and those their owner opened. */
const EVENTS = new Set(['TimelockedWeightsRevealed', 'WeightsRevealed'])

const record = struct((field) => field('event', (value) => value))

/** Whether a commitment of this hotkey was revealed in just this block, as its events say: a row that looks the same before and after does not. */
export async function readRevealed(link: Link, netuid: number, mechanism: number, hotkey: string, at: string): Promise<boolean> {
  const events = list(record)(await link.read('System.Events', [], at), 'System.Events')
  return events.some((event) => {
    const [pallet, said] = tagged(event)
    if (pallet !== 'SubtensorModule') return false
    const [name, data] = tagged(said)
    // One tells whose they are first, the other last.
    return EVENTS.has(name) && Array.isArray(data) && data.includes(hotkey) && data.includes(netuidIndex(netuid, mechanism))
  })
}

/** An enum's name and what it carries. */
function tagged(value: Plain | undefined): [name: string, data: Plain | undefined] {
  if (typeof value === 'string') return [value, undefined]
  if (typeof value !== 'object' || value === null || Array.isArray(value) || typeof value['type'] !== 'string') throw nonsense('an event', 'has no name')
  return [value['type'], value['value']]
}
