import { PROTOCOL } from '../../../schema/index.ts'
import type { Container, ContainerIdentity, Inventory, Owner } from '../../core/ports.ts'
import type { Row } from './client.ts'

/**
 * Who a container belongs to and what it is stand in its labels, and nowhere else. All of them are always set:
 * an image's own labels are inherited, so one left out could be forged.
 */
const PREFIX = 'compute.'

const LABEL = {
  edge: 'compute.edge',
  hotkey: 'compute.hotkey',
  install: 'compute.install',
  allocation: 'compute.allocation',
  incarnation: 'compute.incarnation',
  gpus: 'compute.gpus',
  port: 'compute.port',
  hostKey: 'compute.host-key',
  trace: 'compute.trace',
  protocol: 'compute.protocol',
} as const

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/** One name for each incarnation: creating it twice cannot make two. */
export const nameOf = (c: Ref) => `compute-${c.allocation}-${c.incarnation}`

/** Whose it is: on containers and on their networks. */
export const ownerLabels = (o: Owner): Record<string, string> => ({ [LABEL.edge]: o.edge, [LABEL.hotkey]: o.hotkey, [LABEL.install]: o.install })

export function labelsOf(owner: Owner, c: ContainerIdentity): Record<string, string> {
  return {
    ...ownerLabels(owner),
    [LABEL.allocation]: c.allocation,
    [LABEL.incarnation]: String(c.incarnation),
    [LABEL.gpus]: c.gpus.join(','),
    [LABEL.port]: String(c.port),
    [LABEL.hostKey]: c.hostKey,
    [LABEL.trace]: c.trace,
    [LABEL.protocol]: String(PROTOCOL),
  }
}

const ownerPairs = (o: Owner) => [`${LABEL.edge}=${o.edge}`, `${LABEL.hotkey}=${o.hotkey}`, `${LABEL.install}=${o.install}`]

/** Label filter: every container of this owner. */
export const ofOwner = (owner: Owner) => ownerPairs(owner)

/** Label filter: one container of this owner. */
export const ofContainer = (owner: Owner, c: Ref) => [...ownerPairs(owner), `${LABEL.allocation}=${c.allocation}`, `${LABEL.incarnation}=${c.incarnation}`]

/** Who of this hotkey at this edge has containers on the engine. */
export function installsOf(who: Pick<Owner, 'edge' | 'hotkey'>, rows: Row[]): string[] {
  const theirs = rows.filter(({ Labels }) => Labels[LABEL.edge] === who.edge && Labels[LABEL.hotkey] === who.hotkey)
  return [...new Set(theirs.map(({ Labels }) => Labels[LABEL.install] ?? ''))].filter(Boolean)
}

const STATES: Record<string, Container['state']> = { created: 'created', running: 'running', restarting: 'running', paused: 'paused' }

/** Reads one row of the engine's list, or null when it is not this owner's. @param row as `docker ps -a` has it */
export function containerOf(owner: Owner, row: Row): Container | null {
  const get = (key: keyof typeof LABEL) => row.Labels[LABEL[key]] ?? ''
  if (get('edge') !== owner.edge || get('hotkey') !== owner.hotkey || get('install') !== owner.install) return null
  const incarnation = Number(get('incarnation'))
  if (get('allocation') === '' || !Number.isInteger(incarnation) || incarnation < 1) return null
  const exit = /^Exited \((\d+)\)/.exec(row.Status)
  return {
    allocation: get('allocation'),
    incarnation,
    gpus: get('gpus').split(',').filter(Boolean),
    port: Number(get('port')),
    hostKey: get('hostKey'),
    trace: get('trace'),
    state: STATES[row.State] ?? 'exited',
    exitCode: exit ? Number(exit[1]) : null,
    started: row.State !== 'created',
    ...(row.oomKilled !== undefined && { oomKilled: row.oomKilled }),
  }
}

/** Splits the engine's list into ours and a count of those that carry labels like ours but are somebody else's. */
export function inventoryOf(owner: Owner, rows: Row[]): Inventory {
  const labelled = rows.filter((row) => Object.keys(row.Labels).some((key) => key.startsWith(PREFIX)))
  const containers = labelled.map((row) => containerOf(owner, row)).filter((c) => c !== null)
  const foreign = labelled.filter((row) => containerOf(owner, row) === null)
  const foreignGpus = foreign.filter((row) => row.State !== 'exited').flatMap((row) => (row.Labels[LABEL.gpus] ?? '').split(',').filter(Boolean))
  return { containers, foreign: foreign.length, foreignGpus }
}
