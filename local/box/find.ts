import { type Container, type ContainerIdentity, DriverError, type Owner } from '../../node-agents/core/ports.ts'
import { isFrozen, isOurs } from './processes.ts'
import { folderOf, readRecord, sameOwner, type BoxRecord } from './record.ts'

export type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>
export type Box = { folder: string; record: BoxRecord }

export const alive = async ({ pid, token }: BoxRecord) => pid !== null && (await isOurs(pid, token))

export async function stateOf(record: BoxRecord): Promise<Container['state']> {
  if (record.pid === null) return 'created'
  if (!(await alive(record))) return 'exited'
  return (await isFrozen(record.pid)) ? 'paused' : 'running'
}

export async function find(root: string, owner: Owner, c: Ref): Promise<Box | null> {
  const folder = folderOf(root, c)
  const record = await readRecord(folder)
  return record && sameOwner(record.owner, owner) ? { folder, record } : null
}

export async function need(root: string, owner: Owner, c: Ref): Promise<Box> {
  const box = await find(root, owner, c)
  if (!box) throw new DriverError('container_missing', `box ${c.allocation}-${c.incarnation} is not there`)
  return box
}

/** The same where it must run. @throws DriverError exited */
export async function needUp(root: string, owner: Owner, c: Ref): Promise<Box> {
  const box = await need(root, owner, c)
  if (!(await alive(box.record))) throw new DriverError('exited', `box ${c.allocation}-${c.incarnation} is not running`)
  return box
}
