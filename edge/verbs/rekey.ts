import { sql } from 'drizzle-orm'
import type { RekeyInput } from '../../schema/allocation.ts'
import type { Ctx } from '../ctx.ts'
import type { Shown } from '../store/allocations.ts'
import { act, type Mine } from './act.ts'

export type Rekey = Mine & { input: RekeyInput }

/**
 * Changes who may log in; also on the way up, then it comes up with these keys. The same keys, in whatever order, change nothing.
 * Throws as `act` does.
 * @returns how many changes of keys were asked for, with this one
 */
export async function rekey(ctx: Ctx, { holder, id, input }: Rekey): Promise<number> {
  const keys = [...new Set(input.ssh_keys)]
  const text = JSON.stringify(keys)
  const known = sql`SELECT value FROM json_each(a.ssh_keys)`
  const wanted = sql`SELECT value FROM json_each(${text})`
  const found = await act(ctx, {
    holder,
    id,
    asked: 'rekey_asked',
    data: { keys: keys.length },
    set: sql`ssh_keys = ${text}, keys_n = keys_n + 1`,
    when: sql`EXISTS (${known} EXCEPT ${wanted}) OR EXISTS (${wanted} EXCEPT ${known})`,
    ready: false,
    byAgent: true,
  })
  return found.keysN
}

export const rekeyed =
  (n: number) =>
  ({ row }: Shown) =>
    row.factIncarnation === row.incarnation && row.observedKeysN >= n
