import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { neuron } from '../../../test/support/scores.ts'
import { filter } from './filter.ts'
import type { FilterRules } from './types.ts'

const rules = (o: Partial<FilterRules['blacklist']> = {}, quorum = 60): FilterRules => ({
  own: 'hot0',
  blacklist: { hotkeys: new Set(), coldkeys: new Set(), exploiters: new Set(), ...o },
  minimumVersion: 183,
  quorum,
})
const axon = (o: object) => ({ axon: { ...neuron(1).axon, ...o } })
const old = (uid: number) => neuron(uid, axon({ ip: `192.0.2.${uid}`, version: 182 }))
const reasons = (...args: Parameters<typeof filter>) => filter(...args).map((f) => f.excluded)

describe('who is proved and scored', () => {
  const all = { hotkeys: new Set(['hot0', 'hot1']), coldkeys: new Set(['cold0', 'cold1']), exploiters: new Set(['hot0', 'hot1']) }
  const many = [5, 6, 7, 8].map((uid) => neuron(uid))
  it.each([
    ['a miner', neuron(1), {}, null, null],
    ['ourselves, before everything', neuron(0, axon({ ip: null })), all, 'own', /this validator/],
    ['no address, before black-lists', neuron(1, axon({ ip: null })), all, 'no_address', /no address on chain/],
    ['no port', neuron(1, axon({ port: 0 })), {}, 'no_address', /no address/],
    ['hotkey, before coldkey', neuron(1), all, 'hotkey_blacklisted', /its hotkey/],
    ['coldkey, before exploiters', neuron(1), { ...all, hotkeys: new Set<string>() }, 'coldkey_blacklisted', /coldkey cold1/],
    ['exploiter, before version', old(1), { exploiters: new Set(['hot1']) }, 'exploiter', /suspected/],
    ['exploiter by coldkey', neuron(1), { exploiters: new Set(['cold1']) }, 'exploiter', /cold1/],
    ['outdated', old(1), {}, 'outdated', /version 182 .* 183 or later/],
    ['newer', neuron(1, axon({ version: 999 })), {}, null, null],
  ] as const)('%s', (_, one, lists, excluded, why) => {
    const [first] = filter([one, ...many], rules(lists))
    expect(first?.excluded).toBe(excluded)
    if (why) expect(first?.why).toMatch(why)
    else expect(first?.why).toBeNull()
  })

  it.each([
    ['60 percent and no more: all are let in', 3, 2, 0],
    ['more than 60 percent', 4, 2, 2],
    ['none has it', 0, 3, 0],
    ['all have it', 3, 0, 0],
  ])('%s', (_, fresh, stale, out) => {
    const neurons = [...Array.from({ length: fresh }, (_, i) => neuron(i + 1)), ...Array.from({ length: stale }, (_, i) => old(100 + i))]
    expect(reasons(neurons, rules()).filter((reason) => reason === 'outdated')).toHaveLength(out)
  })

  it('counts who is up to date among those left, not addresses and not who is out already', () => {
    // Outdated ones on one address count one by one; black-listed up-to-date ones and ourselves not at all.
    const neurons = [neuron(0), neuron(1), neuron(2), ...[3, 4, 5].map((uid) => neuron(uid, axon({ ip: '192.0.2.9', version: 100 })))]
    expect(reasons(neurons, rules({}, 39))).toEqual(['own', null, null, 'outdated', 'outdated', 'outdated'])
    expect(reasons(neurons, rules({}, 40))).toEqual(['own', null, null, null, null, null])
    expect(reasons(neurons, rules({ hotkeys: new Set(['hot1']) }, 39))).toEqual(['own', 'hotkey_blacklisted', null, null, null, null])
  })

  it('nobody at all', () => expect(filter([], rules())).toEqual([]))
})

describe('one address of several', () => {
  const at = (uid: number, ip: string | null, port = 8091) => neuron(uid, axon({ ip, port }))
  it('is shown and decides nothing', () => {
    const found = filter([at(1, '192.0.2.1'), at(2, '192.0.2.1'), at(3, '192.0.2.1', 9000), at(4, null), at(5, null)], rules())
    expect(found.map((f) => [f.excluded, f.shares])).toEqual([
      [null, [2]],
      [null, [1]],
      [null, []],
      ['no_address', []],
      ['no_address', []],
    ])
  })
})

it('every neuron stands once, in its order, out with a reason or in without', () => {
  const one = fc.record({ ip: fc.constantFrom(null, '192.0.2.1', '192.0.2.2'), version: fc.constantFrom(100, 183, 200), key: fc.integer({ min: 0, max: 5 }) })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 40 }), fc.integer({ min: 0, max: 100 }), (rows, quorum) => {
      const neurons = rows.map(({ ip, version, key }, uid) => neuron(uid, { hotkey: `hot${uid}`, coldkey: `cold${key}`, ...axon({ ip, version }) }))
      const found = filter(neurons, rules({ coldkeys: new Set(['cold1']), exploiters: new Set(['hot3']) }, quorum))
      expect(found.map((f) => [f.uid, f.hotkey])).toEqual(neurons.map((n) => [n.uid, n.hotkey]))
      expect(found.filter((f) => (f.excluded === null) !== (f.why === null))).toEqual([])
      const kept = found.filter((f) => f.excluded === null).map((f) => neurons[f.uid])
      // Either the minimum holds for all that are in, or it was not enforced on anybody.
      if (found.some((f) => f.excluded === 'outdated')) expect(kept.every((n) => (n?.axon.version ?? 0) >= 183)).toBe(true)
    }),
  )
})
