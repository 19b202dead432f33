/**
 * A sorted map that is never changed: putting gives a new one that shares all but a path with the old. So every block keeps its whole
 * state, a failed call is undone by forgetting it, and a fork is two of them. (A treap: a search tree that random priorities keep shallow.)
 */
export type Tree<T> = { readonly key: string; readonly value: T; readonly priority: number; readonly left: Tree<T>; readonly right: Tree<T> } | null

export function get<T>(tree: Tree<T>, key: string): T | undefined {
  let at = tree
  while (at !== null && at.key !== key) at = key < at.key ? at.left : at.right
  return at?.value
}

export function put<T>(tree: Tree<T>, key: string, value: T): Tree<T> & object {
  if (tree === null) return { key, value, priority: Math.random(), left: null, right: null }
  if (key === tree.key) return { ...tree, value }
  if (key < tree.key) {
    const left = put(tree.left, key, value)
    return left.priority > tree.priority ? { ...left, right: { ...tree, left: left.right } } : { ...tree, left }
  }
  const right = put(tree.right, key, value)
  return right.priority > tree.priority ? { ...right, left: { ...tree, right: right.left } } : { ...tree, right }
}

export function remove<T>(tree: Tree<T>, key: string): Tree<T> {
  if (tree === null || get(tree, key) === undefined) return tree
  if (key === tree.key) return join(tree.left, tree.right)
  return key < tree.key ? { ...tree, left: remove(tree.left, key) } : { ...tree, right: remove(tree.right, key) }
}

/** All keys of the left before all of the right. */
function join<T>(left: Tree<T>, right: Tree<T>): Tree<T> {
  if (left === null) return right
  if (right === null) return left
  return left.priority > right.priority ? { ...left, right: join(left.right, right) } : { ...right, left: join(left, right.left) }
}

/** Entries with this prefix in key order, those after `after` only. */
export function* scan<T>(tree: Tree<T>, prefix: string, after = ''): Generator<[key: string, value: T]> {
  if (tree === null) return
  const { key, value } = tree
  const inside = key.startsWith(prefix)
  if (key > after && (inside || key > prefix)) yield* scan(tree.left, prefix, after)
  if (inside && key > after) yield [key, value]
  if (inside || key < prefix) yield* scan(tree.right, prefix, after)
}
