import type { Key } from './key.ts'

const MB_PER_GB = 1024

/** What a container wrote, and what it may. Megabytes. */
export type Use = { key: Key; mb: number; limitMb: number; /** See `Written`. */ boundMb?: number }
export type Over = Use & { /** What it may have now. */ shareMb: number }

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

/**
 * Containers over their share. Always: over their own limit. Once the reserve is touched: also over an even part of what is left
 * to tenants together, so that only those are meant who took more than their neighbours could. Pure.
 */
export function overShare(uses: readonly Use[], { freeMb, reserveMb: reserve }: { freeMb: number; reserveMb: number }): Over[] {
  const room = Math.max(0, freeMb - reserve + uses.reduce((sum, u) => sum + u.mb, 0))
  const part = freeMb < reserve ? Math.max(FLOOR_MB, room / uses.length) : Infinity
  return uses.flatMap((use) => {
    const shareMb = Math.floor(Math.min(use.limitMb, part))
    return use.mb > shareMb ? [{ ...use, shareMb }] : []
  })
}
