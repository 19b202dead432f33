import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import type { ContainerSpec, Owner } from '../../node-agents/core/ports.ts'
import { makeId } from '../../schema/index.ts'
import { freePorts, keyPair, type Target } from './ssh.ts'

const id = (prefix: string) => makeId(prefix, Date.now(), randomBytes(10))

export const newOwner = (): Owner => ({ edge: 'edge', hotkey: '5Hotkey', install: id('in') })

/** A spec with fresh keys, and what is needed to log in once it runs. */
export async function newSpec(image: string, over: Partial<ContainerSpec> = {}): Promise<{ spec: ContainerSpec; target: Target }> {
  const [host, client] = [keyPair(), keyPair()]
  const ports = over.ports ?? (await freePorts(2))
  const spec: ContainerSpec = {
    allocation: id('al'),
    incarnation: 1,
    gpus: ['GPU-00000000-0000-0000-0000-000000000001'],
    hostKey: host.public,
    trace: randomBytes(16).toString('hex'),
    ports,
    image,
    limits: { cpus: 1, memory_mb: 256, shm_mb: 64, disk_gb: 1, pids: 256 },
    env: {},
    authorizedKeys: [client.public],
    hostPrivateKey: host.private,
    simulated: true,
    ...over,
  }
  return { spec, target: { port: ports[0] ?? 0, hostKey: host.public, privateKey: client.private } }
}

const oddCharacter = fc.oneof(fc.constantFrom(...'"\'\\ #$`;&|=%{}~*?!'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }))

/** Value of a variable: everything the wire lets through, with a taste for what parsers trip over. */
// eslint-disable-next-line no-control-regex
export const hostileValue = fc.string({ unit: oddCharacter, maxLength: 60 }).filter((s) => !/[\u0000-\u001f\u007f]/.test(s) && s.isWellFormed())
