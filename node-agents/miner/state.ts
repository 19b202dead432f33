import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { installId, makeId } from '../../schema/index.ts'
import { readIfThere, readJson, removeHalfWritten, writeAtomic } from '../core/files.ts'
import type { Container } from '../core/ports.ts'
import { knownEdge, type KnownEdge } from '../core/identity.ts'
import { Memory } from './memory.ts'
import { openSeq, type Seq } from './seq.ts'

const identityFile = z.object({ install: installId, edge: knownEdge.nullable(), engine: z.string().nullable().default(null) })
const FIX = 'Restore it from a backup, or remove it and run: compute miner takeover, which finds the install again by its containers.'

/** The agent's state directory. Each file is written whole or not at all. */
export type State = {
  readonly install: string
  readonly edge: () => KnownEdge | null
  keepEdge(edge: KnownEdge): Promise<void>
  /** The engine this agent's containers are on; null: none was seen yet. */
  readonly engine: () => string | null
  keepEngine(id: string): Promise<void>
  /** The last wish as it came, not verified again; null: none. */
  readWish(): Promise<string | null>
  keepWish(jws: string): Promise<void>
  seq: Seq
  memory: Memory
}

/**
 * Opens or makes a state directory, of which the caller holds the lock. Throws a `Mistake` that names the damaged file and the fix.
 * @param onTrouble told when the directory cannot be written where the agent can go on without
 */
export async function openState(dir: string, wallMs: () => number, onTrouble?: (error: unknown) => void): Promise<State> {
  const path = (name: string) => join(dir, name)
  await removeHalfWritten(dir)
  let identity = await readJson(path('identity.json'), identityFile, FIX)
  const save = (next: z.infer<typeof identityFile>) => {
    identity = next
    return writeAtomic(path('identity.json'), JSON.stringify(next))
  }
  if (!identity) await save({ install: makeId('in', wallMs(), randomBytes(10)), edge: null, engine: null })
  const { install } = identityFile.parse(identity)
  return {
    install,
    edge: () => identity?.edge ?? null,
    keepEdge: (edge) => save({ install, edge, engine: identity?.engine ?? null }),
    engine: () => identity?.engine ?? null,
    keepEngine: (engine) => save({ install, edge: identity?.edge ?? null, engine }),
    readWish: () => readIfThere(path('wish.jws')),
    keepWish: (jws) => writeAtomic(path('wish.jws'), jws),
    seq: await openSeq(path('seq.json'), wallMs, onTrouble),
    memory: await Memory.open(path('acts.json'), wallMs),
  }
}

/**
 * Makes a state directory that of another install, whose own was lost: its containers are taken in as made.
 * The wish that was held is for somebody else, and goes. The caller holds the lock.
 */
export async function becomeInstall(dir: string, identity: z.infer<typeof identityFile>, containers: Container[], wallMs: () => number): Promise<void> {
  const memory = await Memory.open(join(dir, 'acts.json'), wallMs)
  await memory.adopt(containers)
  await rm(join(dir, 'wish.jws'), { force: true })
  await writeAtomic(join(dir, 'identity.json'), JSON.stringify(identity))
}
