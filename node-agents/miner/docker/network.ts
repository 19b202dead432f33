import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DriverError, type Owner } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import { ownerLabels } from './labels.ts'
import { countIn, overlaps, parseSubnet, routesOf, type Subnet, subnetAt, subnetText } from './subnets.ts'

/** Subnets tried before the pool counts as full. */
const TRIES = 64
/** Longest name of a network interface. */
const NAME_MAX = 15

/** Of the network and of its bridge alike. @param prefix rules find our bridges by it */
export const newName = (prefix: string) => `${prefix}${randomBytes(4).toString('hex')}`.slice(0, NAME_MAX)

export function poolOf(text: string): Subnet {
  const pool = parseSubnet(text)
  if (!pool || countIn(pool) < 1) throw new DriverError('engine_error', `${text} is no range of addresses to take networks from`)
  return pool
}

/** Networks the host reaches. Where there is no such file the engine alone says what collides. */
const reached = () =>
  readFile('/proc/net/route', 'utf8').then(routesOf, (error: unknown): Subnet[] => {
    if (error instanceof Error) return []
    throw error
  })

const options = (name: string, owner: Owner, subnet: Subnet) => ({
  Name: name,
  CheckDuplicate: true,
  Driver: 'bridge',
  EnableIPv6: false,
  Labels: ownerLabels(owner),
  IPAM: { Driver: 'default', Config: [{ Subnet: subnetText(subnet) }] },
  Options: { 'com.docker.network.bridge.name': name, 'com.docker.network.bridge.enable_icc': 'false' },
})

/** Makes a network with a range that is in nobody's way; one of that name that is there already is as good. @throws DriverError */
export async function makeNetwork(engine: Engine, pool: Subnet, owner: Owner, name: string): Promise<void> {
  const taken = await reached()
  const first = Math.floor(Math.random() * countIn(pool))
  for (let i = 0; i < Math.min(TRIES, countIn(pool)); i++) {
    const subnet = subnetAt(pool, first + i)
    if (taken.some((other) => overlaps(other, subnet))) continue
    if ((await engine.makeNetwork(options(name, owner, subnet))) !== 'overlaps') return
  }
  throw new DriverError('engine_error', `no range of ${subnetText(pool)} is free for a network of its own: name another one with --networks`)
}
