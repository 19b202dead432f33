/** GPU ids that several miners list. All of a group are proved behind one barrier: one card cannot be in two places at one moment. */
export type Group = { /** Ascending. */ hotkeys: string[]; /** Ids that more than one of them lists. */ ids: string[] }

/** Groups of miners that share an id, directly or through another; no miner is in two. Pure. */
export function sharedIds(miners: readonly { hotkey: string; gpus: readonly string[] }[]): Group[] {
  const holders = new Map<string, Set<string>>()
  for (const { hotkey, gpus } of miners) for (const id of gpus) holders.set(id, (holders.get(id) ?? new Set()).add(hotkey))
  let groups: { hotkeys: Set<string>; ids: string[] }[] = []
  for (const [id, hotkeys] of holders) {
    if (hotkeys.size < 2) continue
    const touched = groups.filter((g) => [...hotkeys].some((h) => g.hotkeys.has(h)))
    const joined = { hotkeys: new Set([...hotkeys, ...touched.flatMap((g) => [...g.hotkeys])]), ids: [id, ...touched.flatMap((g) => g.ids)] }
    groups = [...groups.filter((g) => !touched.includes(g)), joined]
  }
  return groups.map((g) => ({ hotkeys: [...g.hotkeys].sort(), ids: g.ids.sort() })).sort((a, b) => ((a.hotkeys[0] ?? '') < (b.hotkeys[0] ?? '') ? -1 : 1))
}

/** `keep`: these are cards of their own. `lose`: they had none when it counted. `open`: nothing is known, so nothing changes. */
export type Settled = { keep: string[]; lose: string[]; open: string[] }

/**
 * Who has the cards that a group shares. Pure. All passed: as many cards as miners, whatever their ids say. Who failed loses them. Who was
 * not there at that moment leaves it open, for himself and for those who passed: it may be one card that was free for one of them.
 * @param results of one barrier, by hotkey; left out: was not there
 */
export function settle({ hotkeys }: Group, results: ReadonlyMap<string, 'passed' | 'failed'>): Settled {
  const those = (wanted: 'passed' | 'failed' | undefined) => hotkeys.filter((h) => results.get(h) === wanted)
  const [passed, lose, absent] = [those('passed'), those('failed'), those(undefined)]
  return absent.length === 0 ? { keep: passed, lose, open: [] } : { keep: [], lose, open: [...passed, ...absent].sort() }
}
