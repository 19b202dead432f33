import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sharedIds, settle } from './shared.ts'

describe('ids that several list', () => {
  const of = (hotkey: string, ...gpus: string[]) => ({ hotkey, gpus })
  it.each<[string, ReturnType<typeof of>[], { hotkeys: string[]; ids: string[] }[]]>([
    ['nobody', [], []],
    ['none in common', [of('a', '1'), of('b', '2')], []],
    ['one in common', [of('b', '1', '2'), of('a', '2', '3')], [{ hotkeys: ['a', 'b'], ids: ['2'] }]],
    ['one twice at one miner, which is one card', [of('a', '1', '1')], []],
    ['a chain of three', [of('a', '1'), of('c', '1', '2'), of('b', '2')], [{ hotkeys: ['a', 'b', 'c'], ids: ['1', '2'] }]],
    [
      'two groups that one miner joins',
      [of('a', '1'), of('b', '1'), of('c', '2'), of('d', '2'), of('a', '9'), of('c', '9')],
      [{ hotkeys: ['a', 'b', 'c', 'd'], ids: ['1', '2', '9'] }],
    ],
    [
      'two groups',
      [of('d', '2'), of('a', '1'), of('c', '2'), of('b', '1')],
      [
        { hotkeys: ['a', 'b'], ids: ['1'] },
        { hotkeys: ['c', 'd'], ids: ['2'] },
      ],
    ],
  ])('make groups: %s', (_, miners, groups) => expect(sharedIds(miners)).toEqual(groups))

  const miners = fc.array(fc.record({ hotkey: fc.constantFrom(...'abcdef'), gpus: fc.array(fc.constantFrom(...'123456789'), { maxLength: 4 }) }), {
    maxLength: 8,
  })
  it('put each miner into one group at most, and all who share an id into the same, in whatever order they come', () => {
    fc.assert(
      fc.property(miners, (all) => {
        const groups = sharedIds(all)
        const members = groups.flatMap((g) => g.hotkeys)
        expect(new Set(members).size).toBe(members.length)
        for (const a of all)
          for (const b of all) {
            if (a.hotkey === b.hotkey || !a.gpus.some((id) => b.gpus.includes(id))) continue
            expect(groups.filter((g) => g.hotkeys.includes(a.hotkey) && g.hotkeys.includes(b.hotkey))).toHaveLength(1)
          }
        expect(sharedIds(all.toReversed())).toEqual(groups)
      }),
    )
  })
})

describe('a group that was proved behind one barrier', () => {
  const group = { hotkeys: ['a', 'b', 'c'], ids: ['1'] }
  const [p, f] = ['passed', 'failed'] as const
  it.each<[Record<string, 'passed' | 'failed'>, object]>([
    [
      { a: p, b: p, c: p },
      { keep: ['a', 'b', 'c'], lose: [], open: [] },
    ],
    [
      { a: p, b: f, c: p },
      { keep: ['a', 'c'], lose: ['b'], open: [] },
    ],
    [
      { a: f, b: f, c: f },
      { keep: [], lose: ['a', 'b', 'c'], open: [] },
    ],
    [
      { a: p, b: p },
      { keep: [], lose: [], open: ['a', 'b', 'c'] },
    ],
    [
      { a: p, b: f },
      { keep: [], lose: ['b'], open: ['a', 'c'] },
    ],
    [{}, { keep: [], lose: [], open: ['a', 'b', 'c'] }],
    [
      { a: p, b: p, c: p, x: f },
      { keep: ['a', 'b', 'c'], lose: [], open: [] },
    ],
  ])('is settled: %j', (results, settled) => expect(settle(group, new Map(Object.entries(results)))).toEqual(settled))
})
