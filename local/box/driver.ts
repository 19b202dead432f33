import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errno, Mistake, reason } from '../../node-agents/core/mistake.ts'
import {
  DriverError,
  type Container,
  type ContainerIdentity,
  type ContainerSpec,
  type Driver,
  type Inventory,
  type Owner,
} from '../../node-agents/core/ports.ts'
import { accessOf } from '../../node-agents/miner/access.ts'
import { exec } from './exec.ts'
import { END_SESSIONS, sessionEnv } from './place.ts'
import { endAll, freezeAll, isFrozen, isOurs, marked, signalTo, thawAll } from './processes.ts'
import { bytesUnder, folderOf, folders, INSIDE, makeFolder, readRecord, removeFolder, sameOwner, writeKeys, writeRecord, type BoxRecord } from './record.ts'
import { spawnHost } from './spawn.ts'

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>
type Box = { folder: string; record: BoxRecord }

const STOP_GRACE_MS = 2000
const WATCH_MS = 1000
const SESSIONS_POLL_MS = 10
const SESSIONS_MOST_MS = 5000
const MB = 1024 * 1024

type Warn = (text: string) => void

const alive = async ({ pid, token }: BoxRecord) => pid !== null && (await isOurs(pid, token))

/** Every failure as the port promises it. */
async function asDriver<T>(signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted()
    return await act()
  } catch (error) {
    if (error instanceof DriverError) throw error
    if (signal?.aborted) throw new DriverError('engine_error', `given up: ${reason(signal.reason)}`, signal.reason)
    throw new DriverError(errno(error) === 'ENOSPC' ? 'disk_full' : 'engine_error', reason(error), error)
  }
}

async function find(root: string, owner: Owner, c: Ref): Promise<Box | null> {
  const folder = folderOf(root, c)
  const record = await readRecord(folder)
  return record && sameOwner(record.owner, owner) ? { folder, record } : null
}

async function need(root: string, owner: Owner, c: Ref): Promise<Box> {
  const box = await find(root, owner, c)
  if (!box) throw new DriverError('container_missing', `box ${c.allocation}-${c.incarnation} is not there`)
  return box
}

/** A box whose record cannot be read is nobody's: it must not hide the others. */
async function readOrWarn(folder: string, warn: Warn): Promise<BoxRecord | 'damaged' | null> {
  try {
    return await readRecord(folder)
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    warn(error.message)
    return 'damaged'
  }
}

async function list(root: string, owner: Owner, warn: Warn): Promise<Inventory> {
  const found = await Promise.all((await folders(root)).map((folder) => readOrWarn(folder, warn)))
  const records = found.filter((record) => record !== null)
  const ours = records.filter((record) => record !== 'damaged').filter((record) => sameOwner(record.owner, owner))
  const containers = await Promise.all(ours.map(describe))
  return { containers, foreign: records.length - ours.length, foreignGpus: [] }
}

/** Says each thing once. */
function once(warn: Warn): Warn {
  const said = new Set<string>()
  return (text) => {
    if (!said.has(text)) warn(text)
    said.add(text)
  }
}

async function stateOf(record: BoxRecord): Promise<Container['state']> {
  if (record.pid === null) return 'created'
  if (!(await alive(record))) return 'exited'
  return (await isFrozen(record.pid)) ? 'paused' : 'running'
}

async function describe(record: BoxRecord): Promise<Container> {
  const started = record.pid !== null
  return { ...record.identity, started, exitCode: null, state: await stateOf(record) }
}

async function startHost({ folder, record }: Box, ports: number[], signal?: AbortSignal): Promise<{ port: number }> {
  const { pid, port } = await spawnHost(folder, record, ports, signal)
  await writeRecord(folder, { ...record, pid, identity: { ...record.identity, port } })
  return { port }
}

async function removeBox({ folder, record }: Box): Promise<void> {
  await endAll(record.token, 0)
  await removeFolder(folder)
}

/** There is a folder of this name: a start of ours that was not heard to its end, or somebody else's. */
async function adopt(root: string, owner: Owner, spec: ContainerSpec): Promise<{ port: number } | null> {
  const folder = folderOf(root, spec)
  const record = await readRecord(folder)
  if (!record) return null
  const name = basename(folder)
  if (!sameOwner(record.owner, owner)) throw new DriverError('engine_error', `box ${name} is not ours`)
  if (record.pid === null) {
    await removeBox({ folder, record })
    return null
  }
  if (record.identity.hostKey !== spec.hostKey) throw new DriverError('engine_error', `box ${name} already exists with another host key`)
  return (await alive(record)) ? { port: record.identity.port } : startHost({ folder, record }, [record.identity.port])
}

async function run(root: string, owner: Owner, spec: ContainerSpec, signal?: AbortSignal): Promise<{ port: number }> {
  const access = accessOf(spec)
  await folders(root)
  const adopted = await adopt(root, owner, spec)
  if (adopted) return adopted
  const { allocation, incarnation, gpus, hostKey, trace } = spec
  const identity = { allocation, incarnation, gpus, hostKey, trace, port: 0 }
  const record: BoxRecord = { owner, identity, token: randomUUID(), pid: null, env: access.env }
  const box = { folder: folderOf(root, spec), record }
  await makeFolder(box.folder, record, { hostKey: spec.hostPrivateKey, keys: access.keys })
  try {
    return await startHost(box, spec.ports, signal)
  } catch (error) {
    await removeBox(box)
    throw error
  }
}

async function needUp(root: string, owner: Owner, c: Ref): Promise<Box> {
  const box = await need(root, owner, c)
  if (!(await alive(box.record))) throw new DriverError('exited', `box ${c.allocation}-${c.incarnation} is not running`)
  return box
}

async function rekey(root: string, owner: Owner, c: Ref, authorizedKeys: string[], endSessions: boolean): Promise<void> {
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

async function installs(root: string, { edge, hotkey }: Pick<Owner, 'edge' | 'hotkey'>): Promise<string[]> {
  const records = await Promise.all((await folders(root)).map((folder) => readRecord(folder).catch(() => null)))
  const owners = records.filter((r) => r !== null).map(({ owner }) => owner)
  return [...new Set(owners.filter((o) => o.edge === edge && o.hotkey === hotkey).map((o) => o.install))]
}

async function written(root: string, owner: Owner) {
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

async function space(root: string) {
  await folders(root)
  const { bavail, blocks, bsize } = await statfs(root)
  return { freeMb: Math.floor((bavail * bsize) / MB), totalMb: Math.floor((blocks * bsize) / MB) }
}

/** There are no events to follow: looks again and again, and calls back when the picture is another one. */
async function watch(root: string, owner: Owner, onChange: () => void, signal: AbortSignal, warn: Warn): Promise<void> {
  let last = ''
  while (!signal.aborted) {
    const now = await list(root, owner, warn).then(JSON.stringify, reason)
    if (now !== last) onChange()
    last = now
    await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined)
  }
}

/**
 * For hosts without a container engine: each allocation is a real SSH server of its own in a scratch folder.
 * It isolates nothing and says so. @param o.root folder that holds the boxes @param o.warn told of a damaged box, once
 */
export function boxDriver({ root, warn = console.warn }: { root: string; warn?: Warn }): Driver {
  const warnOnce = once(warn)
  return {
    name: 'box',
    info: async () => ({ driver: 'box', isolation: 'none', engine: `node ${process.version}`, disk: 'shared', network: 'open', id: `box ${root}` }),
    list: (owner, signal) => asDriver(signal, () => list(root, owner, warnOnce)),
    installs: (who, signal) => asDriver(signal, () => installs(root, who)),
    hasImage: async () => true,
    pull: async () => undefined,
    run: (owner, spec, signal) => asDriver(signal, () => run(root, owner, spec, signal)),
    start: (owner, c) =>
      asDriver(undefined, async () => {
        const box = await need(root, owner, c)
        if (await alive(box.record)) await thawAll(box.record.token)
        else await startHost(box, [box.record.identity.port])
      }),
    stop: (owner, c) => asDriver(undefined, async () => endAll((await need(root, owner, c)).record.token, STOP_GRACE_MS)),
    pause: (owner, c) => asDriver(undefined, async () => freezeAll((await needUp(root, owner, c)).record.token)),
    unpause: (owner, c) => asDriver(undefined, async () => thawAll((await needUp(root, owner, c)).record.token)),
    rekey: (owner, c, keys, endSessions) => asDriver(undefined, () => rekey(root, owner, c, keys, endSessions)),
    space: (signal) => asDriver(signal, () => space(root)),
    written: (owner, signal) => asDriver(signal, () => written(root, owner)),
    exec: (owner, c, argv, env, timeoutMs) =>
      asDriver(undefined, async () => {
        const { folder, record } = await needUp(root, owner, c)
        const home = join(folder, INSIDE.home)
        return exec(argv, home, { ...sessionEnv(record, home), ...env, ...marked(record.token) }, timeoutMs)
      }),
    remove: (owner, c) =>
      asDriver(undefined, async () => {
        const box = await find(root, owner, c)
        if (box) await removeBox(box)
      }),
    watch: (owner, onChange, signal) => watch(root, owner, onChange, signal, warnOnce),
  }
}
