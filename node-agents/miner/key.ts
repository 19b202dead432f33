/** Names one container of one allocation. */
export type Key = `${string}/${number}`

/** What both a container and a wish entry say, in the words of either. */
type Named = { incarnation: number } & ({ allocation: string } | { id: string })

export function keyOf(n: Named): Key {
  return `${'allocation' in n ? n.allocation : n.id}/${n.incarnation}`
}
