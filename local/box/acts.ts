import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DriverError, type Owner } from '../../node-agents/core/ports.ts'
import { accessOf } from '../../node-agents/miner/access.ts'
import { type Box, need, needUp, type Ref, stateOf } from './find.ts'
import { END_SESSIONS } from './place.ts'
import { freezeAll, signalTo, thawAll } from './processes.ts'
import { INSIDE, writeKeys } from './record.ts'

const SESSIONS_POLL_MS = 10
const SESSIONS_MOST_MS = 5000

export const pause = async (root: string, owner: Owner, c: Ref) => freezeAll((await needUp(root, owner, c)).record.token)

export const unpause = async (root: string, owner: Owner, c: Ref) => thawAll((await needUp(root, owner, c)).record.token)

export async function rekey(root: string, owner: Owner, c: Ref, authorizedKeys: string[], endSessions: boolean): Promise<void> {
  const { keys } = accessOf({ authorizedKeys, env: {} })
  if (!endSessions) return writeKeys((await need(root, owner, c)).folder, keys)
  const { folder, record } = await needUp(root, owner, c)
  if ((await stateOf(record)) === 'paused') throw new DriverError('engine_error', `box ${basename(folder)} is paused: its sessions cannot end`)
  await writeKeys(folder, keys)
  await endSessionsOf({ folder, record })
}

/** Resolves once the server has done it: a login after that is not cut. */
async function endSessionsOf({ folder, record }: Box): Promise<void> {
  const done = join(folder, INSIDE.ended)
  await rm(done, { force: true })
  if (record.pid !== null) signalTo(record.pid, END_SESSIONS)
  for (const end = performance.now() + SESSIONS_MOST_MS; performance.now() < end; await sleep(SESSIONS_POLL_MS)) {
    if (existsSync(done)) return
  }
  throw new DriverError('engine_error', 'the keys are replaced, but the SSH server does not end its sessions')
}
