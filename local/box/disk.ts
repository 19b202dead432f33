import { statfs } from 'node:fs/promises'
import type { Owner } from '../../node-agents/core/ports.ts'
import { bytesUnder, folders, readRecord, sameOwner } from './record.ts'

const MB = 1024 * 1024

/** Megabytes in the folder of each box of ours. */
export async function written(root: string, owner: Owner) {
  const records = await Promise.all((await folders(root)).map(async (folder) => ({ folder, record: await readRecord(folder).catch(() => null) })))
  const ours = records.filter(({ record }) => record && sameOwner(record.owner, owner))
  return Promise.all(
    ours.flatMap(({ folder, record }) => {
      if (!record) return []
      const { allocation, incarnation } = record.identity
      return [bytesUnder(folder).then((bytes) => ({ allocation, incarnation, mb: Math.ceil(bytes / MB) }))]
    }),
  )
}

export async function space(root: string) {
  await folders(root)
  const { bavail, blocks, bsize, files, ffree } = await statfs(root)
  return { freeMb: Math.floor((bavail * bsize) / MB), totalMb: Math.floor((blocks * bsize) / MB), freeInodes: files > 0 ? ffree / files : 1 }
}
