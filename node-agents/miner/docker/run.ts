import { DriverError, type ContainerSpec, type Owner } from '../../core/ports.ts'
import { accessOf, type Access } from '../access.ts'
import { sshArchive } from './archive.ts'
import type { Way } from './bound.ts'
import type { Engine, Image } from './client.ts'
import type { Disk, Disks } from './disks.ts'
import { clip, driverError, givenUp, lacksNetwork, textOf } from './errors.ts'
import { containerOf, nameOf } from './labels.ts'
import type { Networks } from './networks.ts'
import { createOptions, type Place } from './spec.ts'
import { WORK_GB } from './sshd.ts'

type Port = { port: number }

/** What every container of a driver is made with. */
export type Ground = {
  engine: Engine
  networks: Networks
  disks: Disks
  bindAddress: string
  dns: readonly string[]
  /** What bounds what a container writes. */ way: () => Way | null
}

type Start = {
  engine: Engine
  disks: Disks
  owner: Owner
  spec: ContainerSpec
  access: Access
  image: Image
  place: Omit<Place, 'port'>
  signal: AbortSignal | undefined
  onCreated: (() => void) | undefined
}
/** `adopted`: it was there already, on a network of its own. */
type Made = Port & { adopted: boolean }

/** A half-made container goes, whatever happened to it; if even that fails, both causes are told. */
async function undo(engine: Engine, id: string, cause: unknown): Promise<void> {
  try {
    await engine.remove(id)
  } catch (error) {
    const first = driverError(cause)
    throw new DriverError(first.code, clip(`${first.message}; and it could not be removed: ${textOf(error)}`), cause)
  }
}

/** The name is taken: a start of ours that was not heard to its end, or somebody else's. */
async function adopt({ engine, disks, owner, spec, signal }: Start): Promise<Made | 'again'> {
  const row = await engine.inspect(nameOf(spec), signal)
  const found = containerOf(owner, row)
  if (!found) throw new DriverError('engine_error', `the name ${nameOf(spec)} belongs to a container that is not ours`)
  if (found.state === 'created') {
    // It never ran, so nobody has anything in it; and its files may be missing.
    await engine.remove(row.Id)
    return 'again'
  }
  if (found.hostKey !== spec.hostKey) throw new DriverError('engine_error', `${nameOf(spec)} already exists with another host key`)
  const disk = disks.nameIn(row)
  if (found.state === 'exited' && disk !== null) await disks.attach(disk)
  if (found.state === 'exited') await engine.start(row.Id, signal)
  return { port: found.port, adopted: true }
}

/** What a session is told of its disk. */
const room = (disk: Disk | null) => (disk ? [`${WORK_GB}=${disk.gb}`] : [])

/** One try at one port. @returns null when the port is taken, 'again' when a half-made container was in the way */
async function tryPort(o: Start, port: number): Promise<Made | 'again' | null> {
  const { engine, spec, signal } = o
  const id = await engine.create(createOptions(o.owner, spec, { ...o.place, port }))
  if (id === null) return adopt(o)
  try {
    await engine.put(id, await sshArchive(o.access, spec.hostPrivateKey, [...o.image.env, ...room(o.place.disk)]), signal)
    o.onCreated?.()
    await engine.start(id, signal)
    return { port, adopted: false }
  } catch (error) {
    await undo(engine, id, error)
    if (driverError(error).code === 'no_port') return null
    throw error
  }
}

async function firstFree(start: Start): Promise<Made> {
  const { spec, signal } = start
  for (const port of spec.ports) {
    if (signal?.aborted) throw givenUp(signal)
    let made = await tryPort(start, port)
    if (made === 'again') made = await tryPort(start, port)
    if (made === 'again') throw new DriverError('engine_error', `another agent makes ${nameOf(spec)} at the same time`)
    if (made) return made
  }
  throw new DriverError('no_port', `none of ${spec.ports.length} ports is free at ${start.place.bindAddress}`)
}

/** What an image declares as a volume the engine keeps on the disk of the host, where nothing bounds or counts it. */
async function fitImage(engine: Engine, reference: string, signal?: AbortSignal): Promise<Image> {
  const image = await engine.image(reference, signal)
  if (!image) throw new DriverError('image_missing', `no such image: ${reference}`)
  if (image.volumes.length === 0) return image
  throw new DriverError(
    'image_refused',
    clip(`${reference} declares volumes (${image.volumes.join(', ')}), which nothing bounds: it has to be built without VOLUME`),
  )
}

/** Both at once; when one of them fails, the other is given back. */
async function takeBoth({ networks, disks, way }: Ground, owner: Owner, spec: ContainerSpec) {
  const [network, disk] = await Promise.allSettled([networks.take(owner), way() === 'volume' ? disks.take(owner, spec.limits.disk_gb) : null])
  if (network.status === 'fulfilled' && disk.status === 'fulfilled') return { network: network.value, disk: disk.value }
  if (network.status === 'fulfilled') network.value.settle('free')
  if (disk.status === 'fulfilled') disk.value?.settle('free')
  throw [network, disk].find((part) => part.status === 'rejected')?.reason
}

/** Creates and starts on the first free port, on a network and a disk of its own; whatever fails leaves nothing behind. @throws DriverError */
export async function run(ground: Ground, owner: Owner, spec: ContainerSpec, signal?: AbortSignal, onCreated?: () => void): Promise<Port> {
  const { engine, networks, disks, bindAddress, dns, way } = ground
  const access = accessOf(spec)
  if (signal?.aborted) throw givenUp(signal)
  const image = await fitImage(engine, spec.image, signal)
  const { network, disk } = await takeBoth(ground, owner, spec)
  let outcome: 'used' | 'free' | 'failed' = 'failed'
  try {
    const place = { bindAddress, dns, network: network.name, storage: way() === 'quota', disk: disk?.disk ?? null }
    const start = { engine, disks, owner, spec, access, image, place, signal, onCreated }
    const { port, adopted } = await firstFree(start).catch(async (error: unknown) => {
      if (!lacksNetwork(error)) throw error
      await networks.make(owner, network.name) // one that was kept ready, and that somebody pruned
      return firstFree(start)
    })
    outcome = adopted ? 'free' : 'used'
    return { port }
  } finally {
    network.settle(outcome)
    disk?.settle(outcome === 'used' ? 'used' : 'free')
  }
}
