import { Batch } from './batch.ts'
import { type Columns, toNeurons } from './neurons.ts'
import { amount, count, flag, list, nonsense, orNull, pair, somebody, text } from './plain.ts'
import { axonInfo, NO_AXON } from './served.ts'
import { inherited, totalStake } from './stake.ts'
import type { Block, Metagraph } from './types.ts'
import type { Link } from './wire.ts'

/**
 * The metagraph of runtimes without `get_selective_metagraph`, out of storage in four round trips. What such a runtime lacks:
 * no `SubnetOwner`, `SubnetOwnerHotkey` — nobody owns the subnet, null; no `ParentKeys`, `ChildKeys` — nobody has children;
 * no `TotalHotkeyAlpha` — there is no alpha: `TotalHotkeyStake`, in TAO, is all the stake. Anything else missing is an error.
 */
export async function readFromStorage(link: Link, netuid: number, block: Block): Promise<Metagraph | null> {
  const subnet = await readSubnet(link, netuid, block.hash)
  if (!subnet) return null
  const { head, lists, neurons, taoWeight } = subnet
  const { hotkeys, registeredAt } = await readKeys(link, netuid, neurons, block.hash)
  const { stakes, ...rows } = await readHotkeys(link, netuid, hotkeys, block.hash)
  const columns: Columns = { hotkeys, registeredAt, ...rows, ...lists, ...(await weighStakes(link, netuid, stakes, taoWeight, block.hash)) }
  return { netuid, block, ...head, neurons: toNeurons(columns) }
}

/** What is kept by subnet. Null: there is no such one. */
async function readSubnet(link: Link, netuid: number, at: string) {
  const batch = new Batch(link)
  const of = [netuid]
  const there = batch.want('NetworksAdded', of, flag)
  const neurons = batch.want('SubnetworkN', of, count)
  const timestampMs = batch.want('Timestamp.Now', [], count)
  const tempo = batch.want('Tempo', of, count)
  const ownerColdkey = batch.wantAny(['SubnetOwner'], of, somebody, null)
  const ownerHotkey = batch.wantAny(['SubnetOwnerHotkey'], of, somebody, null)
  const taoWeight = batch.wantAny(['TaoWeight'], [], amount, null)
  const active = batch.want('Active', of, list(flag))
  const validatorPermit = batch.want('ValidatorPermit', of, list(flag))
  const lastUpdate = batch.want('LastUpdate', of, list(count))
  const emission = batch.want('Emission', of, list(amount))
  const incentive = batch.want('Incentive', of, list(count))
  const dividends = batch.want('Dividends', of, list(count))
  const consensus = batch.want('Consensus', of, list(count))
  await batch.read(at)
  if (!there()) return null
  return {
    head: { timestampMs: timestampMs(), tempo: tempo(), ownerHotkey: ownerHotkey(), ownerColdkey: ownerColdkey() },
    lists: {
      active: active(),
      validatorPermit: validatorPermit(),
      lastUpdate: lastUpdate(),
      emission: emission(),
      incentive: incentive(),
      dividends: dividends(),
      consensus: consensus(),
    },
    neurons: neurons(),
    taoWeight: taoWeight(),
  }
}

/** What is kept by uid. */
async function readKeys(link: Link, netuid: number, neurons: number, at: string) {
  const batch = new Batch(link)
  const rows = Array.from({ length: neurons }, (_, uid) => ({
    hotkey: batch.want('Keys', [netuid, uid], text),
    registeredAt: batch.want('BlockAtRegistration', [netuid, uid], count),
  }))
  await batch.read(at)
  return { hotkeys: rows.map((r) => r.hotkey()), registeredAt: rows.map((r) => r.registeredAt()) }
}

type Shares = [proportion: bigint, hotkey: string][]
const shares = list(pair(amount, text))

/** Stake as stored, before anything is passed on. */
type Own = { alpha: bigint; tao: bigint }
type Stake = Own & { hotkey: string; parents: Shares; children: Shares }

/** What is kept by hotkey. */
async function readHotkeys(link: Link, netuid: number, hotkeys: string[], at: string) {
  const batch = new Batch(link)
  const rows = hotkeys.map((hotkey) => ({
    hotkey,
    coldkey: batch.want('Owner', [hotkey], text),
    axon: batch.want('Axons', [netuid, hotkey], orNull(axonInfo)),
    own: wantStake(link, batch, netuid, hotkey),
    parents: batch.wantAny<Shares, Shares>(['ParentKeys'], [hotkey, netuid], shares, []),
    children: batch.wantAny<Shares, Shares>(['ChildKeys'], [hotkey, netuid], shares, []),
  }))
  await batch.read(at)
  return {
    coldkeys: rows.map((r) => r.coldkey()),
    axons: rows.map((r) => r.axon() ?? NO_AXON),
    stakes: rows.map((r): Stake => ({ hotkey: r.hotkey, ...r.own(), parents: r.parents(), children: r.children() })),
  }
}

function wantStake(link: Link, batch: Batch, netuid: number, hotkey: string): () => Own {
  if (!link.hasItem('SubtensorModule.TotalHotkeyAlpha')) {
    const tao = batch.want('TotalHotkeyStake', [hotkey], amount)
    return () => ({ alpha: 0n, tao: tao() })
  }
  const alpha = batch.want('TotalHotkeyAlpha', [hotkey, netuid], amount)
  const tao = batch.want('TotalHotkeyAlpha', [hotkey, 0], amount)
  return () => ({ alpha: alpha(), tao: tao() })
}

/** Passes stake on from parents to children, also from parents outside the subnet. */
async function weighStakes(link: Link, netuid: number, stakes: Stake[], taoWeight: bigint | null, at: string) {
  const known = new Map<string, Own>(stakes.map((s) => [s.hotkey, s]))
  const strangers = new Set(stakes.flatMap((s) => s.parents.map(([, parent]) => parent)).filter((parent) => !known.has(parent)))
  if (strangers.size > 0) {
    const batch = new Batch(link)
    const owns = [...strangers].map((parent) => ({ parent, own: wantStake(link, batch, netuid, parent) }))
    await batch.read(at)
    for (const { parent, own } of owns) known.set(parent, own())
  }
  const through = ({ children, parents, ...own }: Stake, kind: keyof Own) => {
    const given = children.map(([proportion]) => proportion)
    const received = parents.map(([proportion, parent]) => ({ proportion, stake: known.get(parent)?.[kind] ?? 0n }))
    return inherited(own[kind], given, received)
  }
  const alphaStake = stakes.map((s) => through(s, 'alpha'))
  const taoStake = stakes.map((s) => through(s, 'tao'))
  return { alphaStake, taoStake, totalStake: alphaStake.map((alpha, uid) => sum(link, alpha, taoStake[uid] ?? 0n, taoWeight)) }
}

function sum(link: Link, alpha: bigint, tao: bigint, taoWeight: bigint | null): bigint {
  if (!link.hasItem('SubtensorModule.TotalHotkeyAlpha')) return tao
  if (taoWeight === null) throw nonsense('TaoWeight', 'is not kept, though alpha is')
  return totalStake(alpha, tao, taoWeight)
}
