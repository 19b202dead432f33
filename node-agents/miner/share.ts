import type { Key } from './key.ts'

const MB_PER_GB = 1024

/** What a container wrote, and what it may. Megabytes. `blind`: it could not be measured in time, and `mb` is what it is taken for. */
export type Use = { key: Key; mb: number; limitMb: number; blind?: boolean; /** See `Written`. */ boundMb?: number }
export type Over = Use & { /** What it may have now. */ shareMb: number }
/** Megabytes. `few`: hardly any inode is left, which is as bad as no room. */
export type Room = { freeMb: number; reserveMb: number; few?: boolean }

/** Below this nobody is to blame for a full disk. */
const FLOOR_MB = 64

/** Who has a disk of its own may write that much elsewhere: packages, caches, logs. */
const ELSEWHERE_GB = 20

/** What a container may write in all. @param boundMb what it wrote to its own disk, which bounds itself; absent: it has none. Pure. */
export function limitMb(diskGb: number, boundMb?: number): number {
  return boundMb === undefined ? diskGb * MB_PER_GB : boundMb + Math.min(diskGb, ELSEWHERE_GB) * MB_PER_GB
}

/** Part of the engine's disk that no tenant may fill: what the host asks for, else a tenth, 20 GB at most. Pure. */
export function reserveMb(totalMb: number, askedGb: number | null): number {
  return askedGb === null ? Math.min(totalMb / 10, 20 * MB_PER_GB) : askedGb * MB_PER_GB
}

/** Whether tenants have come too close to the end of the disk. Pure. */
export const isTight = ({ freeMb, reserveMb: reserve, few = false }: Room) => few || freeMb < reserve

/** What tenants have together, and what is left to them. May be negative: others took it. */
const roomMb = (uses: readonly { mb: number | null }[], { freeMb, reserveMb: reserve }: Room) =>
  freeMb - reserve + uses.reduce((sum, u) => sum + (u.mb ?? 0), 0)

/**
 * What each that could not be measured is taken for: so much that nobody else is over an even part now. Whoever writes from then on
 * is judged as ever. Pure.
 */
export function guessMb(uses: readonly { mb: number | null }[], room: Room): number {
  const blind = uses.filter((u) => u.mb === null).length
  if (blind === 0) return 0
  const most = Math.max(0, ...uses.map((u) => u.mb ?? 0))
  return Math.ceil(Math.max(0, most * uses.length - roomMb(uses, room)) / blind)
}

/**
 * Containers over their share. Always: over their own limit. Once the disk is tight: also those that could not be measured, and those
 * over an even part of what is left to tenants together, so that only those are meant who took more than their neighbours could. Pure.
 */
export function overShare(uses: readonly Use[], room: Room): Over[] {
  const part = room.freeMb < room.reserveMb ? Math.max(FLOOR_MB, roomMb(uses, room) / uses.length) : Infinity
  return uses.flatMap((use) => {
    const shareMb = Math.floor(Math.min(use.limitMb, part))
    return (use.blind ? isTight(room) : use.mb > shareMb) ? [{ ...use, shareMb }] : []
  })
}
