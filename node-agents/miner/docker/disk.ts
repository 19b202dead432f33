import { statfs } from 'node:fs/promises'
import { reason } from '../../core/mistake.ts'
import { DriverError, type Owner } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import type { Disks } from './disks.ts'
import { containerOf, ofOwner } from './labels.ts'

const MB = 1024 * 1024

/** Room on the disk the engine writes to, which must be of this host. @throws DriverError */
export async function space(engine: Engine, signal?: AbortSignal): Promise<{ freeMb: number; totalMb: number }> {
  const { DockerRootDir } = await engine.info(signal)
  try {
    const { bavail, blocks, bsize } = await statfs(DockerRootDir)
    return { freeMb: Math.floor((bavail * bsize) / MB), totalMb: Math.floor((blocks * bsize) / MB) }
  } catch (error) {
    throw new DriverError('engine_error', `the disk of the engine cannot be looked at: ${reason(error)}`, error)
  }
}

/** Megabytes each of ours has written on top of its image, and to its disk. @throws DriverError */
export async function written(engine: Engine, disks: Disks, owner: Owner, signal?: AbortSignal) {
  const rows = await engine.written({ label: ofOwner(owner) }, signal)
  const each = rows.map(async (row) => {
    const c = containerOf(owner, row)
    if (!c) return []
    const [layer, onDisk] = [Math.ceil((row.SizeRw ?? 0) / MB), await disks.taken(row)]
    return [{ allocation: c.allocation, incarnation: c.incarnation, mb: layer + (onDisk ?? 0), ...(onDisk !== null && { boundMb: onDisk }) }]
  })
  return (await Promise.all(each)).flat()
}
