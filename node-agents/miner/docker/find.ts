import { DriverError, type ContainerIdentity, type Owner } from '../../core/ports.ts'
import type { Engine, Row } from './client.ts'
import { nameOf, ofContainer } from './labels.ts'

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/** Finds a container by all labels that make it ours; what has another owner is not found. */
export async function find(engine: Engine, owner: Owner, c: Ref, signal?: AbortSignal): Promise<Row | null> {
  const [row] = await engine.list({ label: ofContainer(owner, c) }, signal)
  return row ?? null
}

/** The same where it must be there. @throws DriverError container_missing */
export async function need(engine: Engine, owner: Owner, c: Ref): Promise<Row> {
  const row = await find(engine, owner, c)
  if (!row) throw new DriverError('container_missing', `${nameOf(c)} is not there`)
  return row
}
