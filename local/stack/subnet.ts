import { setTimeout as sleep } from 'node:timers/promises'
import { answer, type Api } from '../../node-agents/cli/client.ts'
import { Mistake } from '../../node-agents/core/mistake.ts'
import { decodeHotkey, SNAPSHOT_EVERY, VALIDATOR_STAKE_RAO } from '../../schema/index.ts'
import { ChainControl } from '../chain/control.ts'

const APPLIED_MS = 60_000
const POLL_MS = 250

/**
 * Who is on the subnet as the edge knows it: the block that roles follow, and by hotkey the uid; null for one that a person let in,
 * as folders of earlier versions have it, which is not the chain's business any more.
 */
export type Roster = { block: number; registered: number; uids: Map<string, number | null> }

/** The account that dev chains call Alice: it has money and no secret. */
const COLDKEY = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

/**
 * Puts hotkeys on the subnet of a development chain, unless they are there, and gives the validator what it needs for a permit. Then lets
 * the chain go on at once to the next block that snapshots are of. @returns its number; it is final
 */
export async function enrol(url: string, netuid: number, validator: string, miners: string[]): Promise<number> {
  const control = new ChainControl(url)
  const uid = await uidOf(control, netuid, validator)
  for (const hotkey of miners) await uidOf(control, netuid, hotkey)
  await control.stake(validator, netuid, 10n * VALIDATOR_STAKE_RAO)
  await control.permit(netuid, uid, true)
  const { number } = await control.newBlocks() // with all of that in it
  const block = Math.ceil(number / SNAPSHOT_EVERY) * SNAPSHOT_EVERY
  if (block > number) await control.newBlocks(block - number)
  await control.finalize()
  return block
}

/** An ss58 address as storage has it. */
export function hexOf(hotkey: string): string {
  return `0x${Buffer.from(decodeHotkey(hotkey) ?? []).toString('hex')}`
}

/** Its uid; it is registered when it has none. */
async function uidOf(control: ChainControl, netuid: number, hotkey: string): Promise<number> {
  const known = await control.get<number | null>('SubtensorModule.Uids', netuid, hexOf(hotkey))
  return known ?? (await control.register(netuid, hotkey, COLDKEY))
}

/**
 * Waits until the edge follows a snapshot of this block or a later one, in which all these hotkeys are.
 * @param hint where to look when it does not
 */
export async function rolesFollow(api: Api, block: number, hotkeys: string[], hint: string): Promise<Roster> {
  const deadline = Date.now() + APPLIED_MS
  for (;;) {
    const roster = await rosterOf(api, hotkeys)
    const missing = hotkeys.filter((h) => !roster.uids.has(h))
    if (roster.block >= block && missing.length === 0) return roster
    if (Date.now() > deadline) {
      const why = roster.block < block ? `the edge follows block ${roster.block}, not ${block}` : `the edge does not know ${missing.join(', ')}`
      throw new Mistake(`no snapshot of the subnet came through in ${APPLIED_MS / 1000} s: ${why}; see ${hint}`)
    }
    await sleep(POLL_MS)
  }
}

async function rosterOf(api: Api, hotkeys: string[]): Promise<Roster> {
  const [{ body: network }, { body: agents }] = await Promise.all([answer(api.v1.network.$get()), answer(api.admin.allow.$get())])
  const known = new Map(agents.items.filter((a) => a.uid !== null || a.source === 'allow').map((a) => [a.hotkey, a.uid]))
  const uids = new Map(hotkeys.flatMap((hotkey) => (known.has(hotkey) ? [[hotkey, known.get(hotkey) ?? null] as const] : [])))
  return { block: network.snapshot_block ?? 0, registered: [...uids.values()].filter((uid) => uid !== null).length, uids }
}
