import { randomUUID } from 'node:crypto'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errno, Mistake, reason } from '../../node-agents/core/mistake.ts'
import { DriverError, type Container, type ContainerSpec, type Driver, type Inventory, type Owner } from '../../node-agents/core/ports.ts'
import { accessOf } from '../../node-agents/miner/access.ts'
import { pause, rekey, unpause } from './acts.ts'
import { space, written } from './disk.ts'
import { exec } from './exec.ts'
import { alive, type Box, find, need, needUp, stateOf } from './find.ts'
import { sessionEnv } from './place.ts'
import { endAll, marked, thawAll } from './processes.ts'
import { folderOf, folders, INSIDE, makeFolder, readRecord, removeFolder, sameOwner, writeRecord, type BoxRecord } from './record.ts'
import { spawnHost } from './spawn.ts'

const STOP_GRACE_MS = 2000
const WATCH_MS = 1000

type Warn = (text: string) => void

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
  const readable = records.filter((record) => record !== 'damaged')
  const [ours, others] = [readable.filter((r) => sameOwner(r.owner, owner)), readable.filter((r) => !sameOwner(r.owner, owner))]
  const containers = await Promise.all(ours.map(describe))
  const lent = await Promise.all(others.map(async (record) => ((await alive(record)) ? record.identity.gpus : [])))
  return { containers, foreign: records.length - ours.length, foreignGpus: lent.flat() }
}

/** Says each thing once. */
function once(warn: Warn): Warn {
  const said = new Set<string>()
  return (text) => {
    if (!said.has(text)) warn(text)
    said.add(text)
  }
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

async function run(root: string, owner: Owner, spec: ContainerSpec, signal?: AbortSignal, onCreated?: () => void): Promise<{ port: number }> {
  const access = accessOf(spec)
  await folders(root)
  const adopted = await adopt(root, owner, spec)
  if (adopted) return adopted
  const { allocation, incarnation, gpus, hostKey, trace } = spec
  const identity = { allocation, incarnation, gpus, hostKey, trace, port: 0 }
  const record: BoxRecord = { owner, identity, token: randomUUID(), pid: null, env: access.env }
  const box = { folder: folderOf(root, spec), record }
  await makeFolder(box.folder, record, { hostKey: spec.hostPrivateKey, keys: access.keys })
  onCreated?.()
  try {
    return await startHost(box, spec.ports, signal)
  } catch (error) {
    await removeBox(box)
    throw error
  }
}

async function installs(root: string, { edge, hotkey }: Pick<Owner, 'edge' | 'hotkey'>): Promise<string[]> {
  const records = await Promise.all((await folders(root)).map((folder) => readRecord(folder).catch(() => null)))
  const owners = records.filter((r) => r !== null).map(({ owner }) => owner)
  return [...new Set(owners.filter((o) => o.edge === edge && o.hotkey === hotkey).map((o) => o.install))]
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
    run: (owner, spec, signal, onCreated) => asDriver(signal, () => run(root, owner, spec, signal, onCreated)),
    start: (owner, c) =>
      asDriver(undefined, async () => {
        const box = await need(root, owner, c)
        if (await alive(box.record)) await thawAll(box.record.token)
        else await startHost(box, [box.record.identity.port])
      }),
    stop: (owner, c) => asDriver(undefined, async () => endAll((await need(root, owner, c)).record.token, STOP_GRACE_MS)),
    pause: (owner, c) => asDriver(undefined, () => pause(root, owner, c)),
    unpause: (owner, c) => asDriver(undefined, () => unpause(root, owner, c)),
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
