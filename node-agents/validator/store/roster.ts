import type { KnownNeuron } from './types.ts'

export type Seen = Omit<KnownNeuron, 'seenAt'>

/** What a reading of the subnet changes. `gone`: left, or came back as somebody new; `fresh`: new, or came back; `moved`: other uid or coldkey. */
export type Changes = { gone: string[]; fresh: Seen[]; moved: Seen[] }

/** Compares whom we know with who is there now. A hotkey registered at another block is another one. Throws on a reading that is none. */
export function changes(known: Seen[], now: Seen[]): Changes {
  const seen = new Map(now.map((n) => [n.hotkey, n]))
  if (now.length === 0) throw new Error('a subnet without a single neuron is not believed')
  if (seen.size !== now.length) throw new Error('a hotkey stands twice in the reading of the subnet')
  const before = new Map(known.map((n) => [n.hotkey, n]))
  const same = (n: Seen) => before.get(n.hotkey)?.registeredAt === n.registeredAt
  return {
    gone: known.filter((k) => seen.get(k.hotkey)?.registeredAt !== k.registeredAt).map((k) => k.hotkey),
    fresh: now.filter((n) => !same(n)),
    moved: now.filter((n) => same(n) && (before.get(n.hotkey)?.uid !== n.uid || before.get(n.hotkey)?.coldkey !== n.coldkey)),
  }
}

/** Whether it is more than subnets change between two blocks: over half of those we know. */
export function isUpheaval({ gone }: Changes, known: Seen[]): boolean {
  return gone.length * 2 > known.length
}
