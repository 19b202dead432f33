import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { get, put, remove, scan, type Tree } from './tree.ts'

const key = fc.string({ unit: fc.constantFrom('0', '1', 'a', 'f'), minLength: 1, maxLength: 5 })
const change = fc.oneof(fc.record({ put: key, value: fc.nat() }), fc.record({ remove: key }))

test('is a sorted map, and what it was stays as it was', () => {
  const changes = fc.array(change, { maxLength: 60 })
  fc.assert(
    fc.property(changes, changes, key, key, (first, second, prefix, after) => {
      const [tree, model] = apply(null, new Map(), first)
      const before = [...scan(tree, '')]
      const [later, laterModel] = apply(tree, new Map(model), second)
      expect([...scan(tree, '')]).toEqual(before)
      for (const [tree_, model_] of [
        [tree, model],
        [later, laterModel],
      ] as const) {
        const sorted = [...model_].toSorted(([a], [b]) => (a < b ? -1 : 1))
        expect([...scan(tree_, '')]).toEqual(sorted)
        expect([...scan(tree_, prefix, after)]).toEqual(sorted.filter(([k]) => k.startsWith(prefix) && k > after))
        expect(get(tree_, prefix)).toBe(model_.get(prefix))
      }
    }),
  )
})

type Change = { put: string; value: number } | { remove: string }

function apply(tree: Tree<number>, model: Map<string, number>, changes: Change[]): [Tree<number>, Map<string, number>] {
  let at = tree
  for (const one of changes) {
    if ('remove' in one) {
      at = remove(at, one.remove)
      model.delete(one.remove)
    } else {
      at = put(at, one.put, one.value)
      model.set(one.put, one.value)
    }
  }
  return [at, model]
}
