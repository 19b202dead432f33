import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Role } from '../../schema/miner.ts'
import { ROLE_BRAKE, type SnapshotNeuron, VALIDATOR_STAKE_RAO } from '../../schema/snapshot.ts'
import type { agents, RoleChanges } from '../../schema/tables/index.ts'

type Row = Pick<typeof agents.$inferSelect, 'hotkey' | 'role' | 'standing' | 'source' | 'drainedBy' | 'uid' | 'coldkey'>

/** An agent as the database has it. `live`: GPUs are rented there, or on their way to be. */
export type Agent = Row & { live: boolean }

/** A place on the subnet, and what its stake and permit make of whoever has it. */
export type Seat = { hotkey: string; uid: number; coldkey: string; role: Role }

export const CHANGES = ['admitted', 'returned', 'role', 'draining', 'removed'] as const
export type ChangeKind = (typeof CHANGES)[number]

/** `kind` null: nothing that anybody notices, such as another uid. */
export type Change = { was: Agent | null; is: Row; kind: ChangeKind | null }

/** `held`: it changes too much for one snapshot, so nothing may happen; then `changes` is what a person would accept. */
export type Plan = { held: boolean; changes: Change[]; detail: RoleChanges }

export type Given = {
  agents: Agent[]
  seats: Seat[]
  /** By hotkey, what the snapshot applied before this one said; null: there was none, or a person said that it is to be forgotten. */
  before: ReadonlyMap<string, Role> | null
  /** A person said that all of it is right. */
  accepted: boolean
  /** Development: who was let in by hand is not the chain's business. */
  keepAllowed: boolean
}

const NAMED = 20

/** Who sits where, by what the chain says (DESIGN §6). */
export function seatsOf(neurons: SnapshotNeuron[]): Seat[] {
  return neurons.map(({ uid, hotkey, coldkey, validator_permit, total_stake }) => ({
    hotkey,
    uid,
    coldkey,
    role: validator_permit && BigInt(total_stake) >= VALIDATOR_STAKE_RAO ? 'validator' : 'miner',
  }))
}

/**
 * What an agreed snapshot changes. Pure. Who is new is admitted and who is back returns at once; another role or a lost uid needs two
 * snapshots in a row, or a person. A miner never leaves or changes while something is rented there: it drains first.
 */
export function planRoles(given: Given): Plan {
  const { agents, seats, before, keepAllowed } = given
  const known = new Map(agents.map((a) => [a.hotkey, a]))
  const seatOf = new Map(seats.map((s) => [s.hotkey, s]))
  const hotkeys = [...new Set([...known.keys(), ...seatOf.keys()])].filter((h) => !(keepAllowed && known.get(h)?.source === 'allow'))
  // A change is counted when it is first seen: what the snapshot before said too was counted then.
  const saidBefore = (h: string) => before !== null && before.get(h) === seatOf.get(h)?.role
  const seen = hotkeys.filter((h) => onChain(known.get(h)) !== seatOf.get(h)?.role && !saidBefore(h))
  const present = hotkeys.filter((h) => onChain(known.get(h)) !== undefined).length
  // The first one there ever was has nobody to protect.
  const whole = given.accepted || (before === null && present === 0)
  const held = !whole && tooMuch(seen.length, seen.filter((h) => !seatOf.has(h)).length, present)
  const changes = hotkeys.flatMap((h) => change(known.get(h) ?? null, seatOf.get(h), whole || held || saidBefore(h)))
  return { held, changes, detail: detailOf(changes, seen.length, present) }
}

function tooMuch(seen: number, gone: number, present: number): boolean {
  const { share, moreThan, gone: most } = ROLE_BRAKE
  return (seen > moreThan && seen > share * present) || (gone >= most.atLeast && gone >= most.share * present)
}

/** What the edge believes the chain says of an agent. */
const onChain = (agent: Agent | undefined) => (agent && agent.uid !== null ? agent.role : undefined)

function change(was: Agent | null, seat: Seat | undefined, sure: boolean): Change[] {
  const is = seat ? seated(was, seat, sure) : was && sure ? gone(was) : null
  if (!is || (was && same(was, is))) return []
  return [{ was, is, kind: kindOf(was, is) }]
}

/** What a person drained stays so whatever the chain says. An edge from before this column wrote no reason. */
const byOperator = (a: Agent | null) => a?.drainedBy === 'operator' || (a?.standing === 'draining' && a.drainedBy === null)

function seated(was: Agent | null, { hotkey, uid, coldkey, role }: Seat, sure: boolean): Row {
  const here = { hotkey, uid, coldkey, source: 'snapshot' } as const
  const open = byOperator(was) ? ({ standing: 'draining', drainedBy: 'operator' } as const) : ({ standing: 'active', drainedBy: null } as const)
  if (!was || was.standing === 'removed' || was.role === role) return { ...here, role, ...open }
  if (!sure) return { ...here, role: was.role, standing: was.standing, drainedBy: was.drainedBy }
  // An agent that is a validator may not sync as a miner, so what it runs comes first.
  if (role === 'validator' && was.live) return { ...here, role: 'miner', standing: 'draining', drainedBy: byOperator(was) ? 'operator' : 'chain' }
  return { ...here, role, ...open }
}

function gone(was: Agent): Row {
  const { hotkey, coldkey, role } = was
  const left = { hotkey, coldkey, role, uid: null, source: 'snapshot' } as const
  const operator = byOperator(was)
  if (role === 'validator' || was.standing === 'removed') return { ...left, standing: 'removed', drainedBy: operator ? 'operator' : null }
  return { ...left, standing: 'draining', drainedBy: operator ? 'operator' : 'chain' }
}

function same(a: Row, b: Row): boolean {
  return a.role === b.role && a.standing === b.standing && a.source === b.source && a.drainedBy === b.drainedBy && a.uid === b.uid && a.coldkey === b.coldkey
}

function kindOf(was: Row | null, is: Row): ChangeKind | null {
  if (!was) return 'admitted'
  if (is.standing === 'removed') return was.standing === 'removed' ? null : 'removed'
  if (was.standing === 'removed') return 'admitted'
  if (is.role !== was.role) return 'role'
  if (is.standing === was.standing) return null
  return is.standing === 'draining' ? 'draining' : 'returned'
}

function detailOf(changes: Change[], seen: number, known: number): RoleChanges {
  const told = changes.filter((c) => c.kind !== null)
  const counts = Object.fromEntries(CHANGES.map((kind) => [kind, told.filter((c) => c.kind === kind).length]).filter(([, n]) => n !== 0)) as Record<
    string,
    number
  >
  return { seen, known, counts, hotkeys: told.slice(0, NAMED).map((c) => c.is.hotkey), same: digestOf(told) }
}

const digestOf = (told: Change[]) => bytesToHex(sha256(utf8ToBytes(JSON.stringify(told.map(({ is, kind }) => [is.hotkey, kind, is.role]).sort()))))
