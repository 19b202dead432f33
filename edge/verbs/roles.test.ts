import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ROLES, VALIDATOR_STAKE_RAO } from '../../schema/index.ts'
import { type Agent, type Given, planRoles, type Seat, seatsOf } from './roles.ts'

const agent = (change: Partial<Agent> = {}): Agent => ({
  hotkey: 'a',
  role: 'miner',
  standing: 'active',
  source: 'snapshot',
  drainedBy: null,
  uid: 1,
  coldkey: 'c',
  live: false,
  ...change,
})
const seat = (change: Partial<Seat> = {}): Seat => ({ hotkey: 'a', uid: 1, coldkey: 'c', role: 'miner', ...change })
const said = (seats: Seat[]) => new Map(seats.map((s) => [s.hotkey, s.role]))
const plan = (o: Partial<Given>) => planRoles({ agents: [], seats: [], before: new Map(), accepted: false, keepAllowed: false, ...o })

describe('a role', () => {
  const enough = VALIDATOR_STAKE_RAO
  it.each([
    ['a permit and enough stake', true, enough, 'validator'],
    ['a permit and a rao too little', true, enough - 1n, 'miner'],
    ['stake without a permit', false, enough * 9n, 'miner'],
    ['more stake than a number holds', true, 2n ** 64n - 1n, 'validator'],
  ])('with %s', (_, validator_permit, stake, role) => {
    expect(seatsOf([{ uid: 0, hotkey: 'a', coldkey: 'c', validator_permit, total_stake: String(stake) }])).toEqual([
      seat({ uid: 0, role: role as Seat['role'] }),
    ])
  })
})

/** One agent, one place (or none), what the snapshot before said of it, and what comes of it: kind, role, standing, who drained it. */
const none = undefined
type Case = [
  what: string,
  was: Agent | null,
  now: Seat['role'] | undefined,
  before: Seat['role'] | undefined,
  is: [string | null, string, string, string | null] | null,
]
const removed = agent({ role: 'validator', standing: 'removed', uid: null })
const byChain = { standing: 'draining', drainedBy: 'chain' } as const
const byHand = { standing: 'draining', drainedBy: 'operator' } as const
const cases: Case[] = [
  ['who is new comes in at once', null, 'miner', none, ['admitted', 'miner', 'active', null]],
  ['a new validator too', null, 'validator', none, ['admitted', 'validator', 'active', null]],
  ['who stays stays', agent(), 'miner', 'miner', null],
  ['who is gone once stays', agent(), none, 'miner', null],
  ['a miner that is gone twice drains', agent(), none, none, ['draining', 'miner', 'draining', 'chain']],
  ['with tenants too', agent({ live: true }), none, none, ['draining', 'miner', 'draining', 'chain']],
  ['a validator that is gone once stays', agent({ role: 'validator' }), none, 'validator', null],
  ['a validator that is gone twice is removed', agent({ role: 'validator' }), none, none, ['removed', 'validator', 'removed', null]],
  ['who is removed and gone stays so', removed, none, none, null],
  ['a validator that is back is admitted at once', removed, 'validator', none, ['admitted', 'validator', 'active', null]],
  ['and as what it is now', removed, 'miner', none, ['admitted', 'miner', 'active', null]],
  ['a miner that is back returns at once', agent({ ...byChain, uid: null }), 'miner', none, ['returned', 'miner', 'active', null]],
  ['one that is back as a validator does not return as a miner', agent({ ...byChain, uid: null }), 'validator', none, [null, 'miner', 'draining', 'chain']],
  ['another role once is none', agent(), 'validator', 'miner', null],
  ['twice it is', agent(), 'validator', 'validator', ['role', 'validator', 'active', null]],
  ['with tenants it drains first', agent({ live: true }), 'validator', 'validator', ['draining', 'miner', 'draining', 'chain']],
  ['and waits', agent({ ...byChain, live: true }), 'validator', 'validator', null],
  ['until they are gone', agent(byChain), 'validator', 'validator', ['role', 'validator', 'active', null]],
  ['or it is a miner again', agent({ ...byChain, live: true }), 'miner', 'validator', ['returned', 'miner', 'active', null]],
  ['a validator becomes a miner', agent({ role: 'validator' }), 'miner', 'miner', ['role', 'miner', 'active', null]],
  ['a drain by hand outlives the chain', agent(byHand), 'miner', 'miner', null],
  ['and another role', agent(byHand), 'validator', 'validator', ['role', 'validator', 'draining', 'operator']],
  ['and a lost uid', agent(byHand), none, none, [null, 'miner', 'draining', 'operator']],
  ['and a return', agent({ ...byHand, uid: null }), 'miner', none, [null, 'miner', 'draining', 'operator']],
  ['and a removal', agent({ role: 'validator', ...byHand }), none, none, ['removed', 'validator', 'removed', 'operator']],
  ['and a return from that', { ...removed, drainedBy: 'operator' }, 'miner', none, ['admitted', 'miner', 'draining', 'operator']],
  ['a drain that an older edge wrote is one by hand', agent({ standing: 'draining' }), 'miner', 'miner', [null, 'miner', 'draining', 'operator']],
  ['who was allowed by hand follows the chain', agent({ source: 'allow', uid: null }), 'miner', 'miner', [null, 'miner', 'active', null]],
  ['and drains when the chain does not know it', agent({ source: 'allow', uid: null }), none, none, ['draining', 'miner', 'draining', 'chain']],
  ['another uid is noted', agent({ uid: 7 }), 'miner', 'miner', [null, 'miner', 'active', null]],
]

describe('one agent', () => {
  it.each(cases)('%s', (_, was, now, before, is) => {
    const seats = now === undefined ? [] : [seat({ role: now })]
    const { changes, held } = plan({ agents: was ? [was] : [], seats, before: new Map(before === undefined ? [] : [['a', before]]) })
    expect(held).toBe(false)
    expect(changes.map((c) => [c.kind, c.is.role, c.is.standing, c.is.drainedBy])).toEqual(is === null ? [] : [is])
    for (const c of changes) expect(c.is).toMatchObject({ source: 'snapshot', uid: now === undefined ? null : 1 })
  })

  it('that was allowed by hand is nobody else’s in development', () => {
    const allowed = agent({ source: 'allow', uid: null })
    expect(plan({ agents: [allowed], seats: [seat({ role: 'validator' })], before: null, keepAllowed: true }).changes).toEqual([])
    expect(plan({ agents: [allowed], seats: [], before: null, keepAllowed: true }).changes).toEqual([])
  })
})

describe('the brake', () => {
  const crowd = (n: number) => Array.from({ length: n }, (_, i) => agent({ hotkey: `h${i}`, uid: i }))
  const sit = (n: number, from = 0) => Array.from({ length: n - from }, (_, i) => seat({ hotkey: `h${i + from}`, uid: i }))
  it.each([
    ['three of four', 4, 3, true],
    ['all of two', 2, 2, true],
    ['half of six', 6, 3, true],
    ['two of five', 5, 2, false],
    ['the only one', 1, 1, false],
    ['four of forty', 40, 4, false],
    ['four of thirty-nine', 39, 4, true],
    ['half of a subnet', 256, 128, true],
    ['a tenth', 250, 25, false],
  ])('when %s go', (_, n, gone, held) => {
    const given = { agents: crowd(n), seats: sit(n, gone), before: said(sit(n)) }
    expect(plan(given)).toMatchObject({ held, detail: { seen: gone, known: n } })
    expect(plan({ ...given, accepted: true })).toMatchObject({ held: false, detail: { counts: { draining: gone } } })
  })
  it('holds nothing of the first snapshot there ever was', () => {
    expect(plan({ seats: sit(256), before: null })).toMatchObject({ held: false, detail: { counts: { admitted: 256 } } })
    const byHand = crowd(256).map((a) => ({ ...a, source: 'allow' as const, uid: null }))
    expect(plan({ agents: byHand, seats: [], before: null })).toMatchObject({ held: false, detail: { counts: { draining: 256 } } })
  })
  it('holds too much after one that was forgotten; what is less waits for the next', () => {
    expect(plan({ agents: crowd(40), seats: sit(40, 5), before: null })).toMatchObject({ held: true, detail: { seen: 5, counts: { draining: 5 } } })
    const less = plan({ agents: crowd(40), seats: [...sit(40, 3), seat({ hotkey: 'new', uid: 0 })], before: null })
    expect(less).toMatchObject({ held: false, detail: { seen: 4, counts: { admitted: 1 } } })
  })
  it('counts who comes, and who changes, as well', () => {
    const strangers = Array.from({ length: 4 }, (_, i) => seat({ hotkey: `new${i}`, uid: 100 + i }))
    expect(plan({ agents: crowd(30), seats: [...sit(30), ...strangers], before: said(sit(30)) }).held).toBe(true)
    const turned = sit(30).map((s, i) => (i < 4 ? { ...s, role: 'validator' as const } : s))
    expect(plan({ agents: crowd(30), seats: turned, before: said(sit(30)) }).held).toBe(true)
  })
  it('counts a change when it is first seen, not again when it is done', () => {
    const second = plan({ agents: crowd(40), seats: sit(40, 4), before: said(sit(40, 4)) })
    expect(second).toMatchObject({ held: false, detail: { seen: 0, counts: { draining: 4 } } })
    expect(plan({ agents: crowd(40), seats: sit(40, 8), before: said(sit(40, 4)) })).toMatchObject({
      held: false,
      detail: { seen: 4, counts: { draining: 4 } },
    })
  })
  it('tells what a person would accept', () => {
    const { held, detail } = plan({ agents: crowd(100), seats: sit(100, 50), before: said(sit(100)) })
    expect({ held, counts: detail.counts, named: detail.hotkeys.length }).toEqual({ held: true, counts: { draining: 50 }, named: 20 })
  })
})

const HOTKEYS = ['a', 'b', 'c', 'd', 'e', 'f']
/** Only a miner is rented, only a validator is removed, and who is active was not drained. */
function possible(a: Agent): Agent {
  const standing = a.standing === 'removed' && a.role === 'miner' ? 'active' : a.standing
  return { ...a, standing, live: a.live && a.role === 'miner', drainedBy: standing === 'active' ? null : a.drainedBy }
}
const anyAgents = fc.uniqueArray(
  fc
    .record({
      hotkey: fc.constantFrom(...HOTKEYS),
      role: fc.constantFrom(...ROLES),
      standing: fc.constantFrom('active' as const, 'draining' as const, 'removed' as const),
      source: fc.constantFrom('allow' as const, 'snapshot' as const),
      drainedBy: fc.constantFrom('operator' as const, 'chain' as const, null),
      uid: fc.constantFrom(null, 1, 2),
      coldkey: fc.constant('c'),
      live: fc.boolean(),
    })
    .map(possible),
  { selector: (a) => a.hotkey },
)
const anySeats = fc
  .uniqueArray(fc.record({ hotkey: fc.constantFrom(...HOTKEYS), role: fc.constantFrom(...ROLES) }), { selector: (s) => s.hotkey })
  .map((list) => list.map((s, uid): Seat => ({ ...s, uid, coldkey: 'c' })))
const after = (agents: Agent[], { changes }: ReturnType<typeof planRoles>): Agent[] => {
  const changed = new Map(changes.map(({ was, is }) => [is.hotkey, { ...is, live: was?.live ?? false }]))
  return [...agents.filter((a) => !changed.has(a.hotkey)), ...changed.values()]
}
const check = (property: (agents: Agent[], seats: Seat[], before: Seat[], keepAllowed: boolean) => void) =>
  fc.assert(fc.property(anyAgents, anySeats, anySeats, fc.boolean(), property))

describe('whatever was and whatever is said', () => {
  it('a miner with tenants keeps its role and may sync', () =>
    check((agents, seats, before, keepAllowed) => {
      for (const { was, is } of plan({ agents, seats, before: said(before), keepAllowed }).changes)
        if (was?.live) expect(is).toMatchObject({ role: 'miner', standing: expect.not.stringMatching('removed') })
    }))
  it('what a person drained does not become active', () =>
    check((agents, seats, before, keepAllowed) => {
      for (const { was, is } of plan({ agents, seats, before: said(before), keepAllowed }).changes)
        if (was?.drainedBy === 'operator') expect(is).toMatchObject({ drainedBy: 'operator', standing: expect.not.stringMatching('active') })
    }))
  it('in development who was allowed by hand is left alone', () =>
    check((agents, seats, before) => {
      const { changes } = plan({ agents, seats, before: said(before), keepAllowed: true, accepted: true })
      expect(changes.filter((c) => c.was?.source === 'allow')).toEqual([])
    }))
  it('said twice, roles are as the chain says, but for who waits for its tenants', () =>
    check((agents, seats) => {
      const once = after(agents, plan({ agents, seats, accepted: true }))
      const at = new Map(seats.map((s) => [s.hotkey, s]))
      for (const a of once) {
        const place = at.get(a.hotkey)
        expect(a.uid).toBe(place?.uid ?? null)
        if (place && !(a.live && place.role === 'validator')) expect(a.role).toBe(place.role)
        expect(a.standing === 'active').toBe(place !== undefined && a.drainedBy === null)
      }
      expect(plan({ agents: once, seats, before: said(seats) })).toMatchObject({ held: false, changes: [], detail: { seen: 0 } })
    }))
})
