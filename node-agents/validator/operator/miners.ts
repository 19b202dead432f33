import { VERSION } from '../../core/version.ts'
import type { MinersAnswer } from './answers.ts'
import { type Desk, iso, penaltyIn, subnetOf } from './desk.ts'

/** Everybody on the subnet by uid: whether and why it is left out, and what it is worth. */
export async function minersOf(desk: Desk): Promise<MinersAnswer> {
  const m = subnetOf(desk)
  const [stats, penalties] = await Promise.all([desk.store.stats(), desk.store.penalties(desk.clock.wallMs())])
  const filtered = desk.filtered(m)
  const miners = m.neurons.map(({ uid, hotkey }) => {
    const stat = stats.get(hotkey)
    const { excluded = null, why = null, shares = [] } = filtered.get(hotkey) ?? {}
    return {
      uid,
      hotkey,
      excluded,
      why,
      shares,
      score: stat?.score ?? null,
      gpus: stat?.gpus ?? null,
      own: stat?.ownScore ?? false,
      reliability: stat?.reliability ?? null,
      allocated: stat?.allocated ?? false,
      note: stat?.factors.note ?? null,
      scored_at: stat ? iso(stat.at) : null,
      penalty: penaltyIn(penalties.get(hotkey)),
    }
  })
  return { version: VERSION, block: m.block.number, miners }
}
