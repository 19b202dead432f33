import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { access, constants, readFile, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { loadHotkey } from '../../core/hotkey.ts'
import { errno, reason } from '../../core/mistake.ts'
import type { Signer } from '../../core/signer.ts'
import { makeSigner } from '../../core/signer.ts'
import type { CheckConfig } from '../config.ts'
import { type Bound, Bounding, WAYS } from '../docker/bound.ts'
import type { Engine } from '../docker/client.ts'
import { space } from '../docker/disk.ts'
import { tool } from '../docker/tool.ts'
import { WORK } from '../docker/spec.ts'
import { candidatePorts } from '../ports-range.ts'
import { reserveMb } from '../share.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const SAMPLE = 8
const DIAL_MS = 3000

export async function hotkey(path: string): Promise<{ signer: Signer | null; findings: Finding[] }> {
  try {
    let loose = false
    const signer = makeSigner(await loadHotkey(path, { warn: () => (loose = true) }))
    return {
      signer,
      findings: [loose ? warn('hotkey', `${signer.address}; others on this host may read its file`, `chmod 600 ${path}`) : ok('hotkey', signer.address)],
    }
  } catch (error) {
    return { signer: null, findings: [fail('hotkey', reason(error), 'name the right file with --hotkey-file, or --wallet.name and --wallet.hotkey')] }
  }
}

export async function stateDir(path: string): Promise<Finding[]> {
  try {
    const { mode } = await stat(path)
    await access(path, constants.W_OK)
    if ((mode & 0o077) !== 0) return [warn('state', `others on this host may look into ${path}`, `chmod 700 ${path}`)]
    return [ok('state', `${path} can be written, by its owner alone`)]
  } catch (error) {
    if (errno(error) === 'ENOENT') return [ok('state', `${path} is made when the agent starts`)]
    return [fail('state', `${path} cannot be used: ${reason(error)}`, `chown -R $(id -u) ${path}, or run this as the user of the agent`)]
  }
}

export async function disk(engine: Engine, root: string, { diskReserveGb, disk: way }: Pick<CheckConfig, 'diskReserveGb' | 'disk'>): Promise<Finding[]> {
  const { freeMb, totalMb } = await space(engine)
  const reserve = Math.ceil(reserveMb(totalMb, diskReserveGb))
  const room = `${freeMb} MB free of ${totalMb} at ${root}, ${reserve} MB stay reserved`
  const bound = await new Bounding(engine, tool, WAYS[way]).look()
  return [
    freeMb < reserve
      ? fail('disk', `${room}: nothing can be rented out`, 'docker system prune, or a larger disk, or less of --disk-reserve-gb')
      : ok('disk', room),
    bounded(bound, root),
  ]
}

/** What bounds what a container writes, and why nothing better does. */
function bounded({ disk: way, because }: Bound, root: string): Finding {
  const xfs = `put ${root} on xfs mounted with pquota`
  if (way === 'quota') return ok('disk bound', 'quotas: the engine bounds what each container writes')
  if (way === 'volume')
    return { ...ok('disk bound', `a disk of a fixed size at ${WORK} for each container (${because}); what it writes elsewhere is watched`), fix: xfs }
  return warn(
    'disk bound',
    `none (${because}): this host takes one tenant at a time, and the agent pauses whoever fills the disk`,
    `${xfs}; or run the agent as root with losetup and mkfs.ext4 here, and --disk auto`,
  )
}

/** Whether ports of the range can be opened, and whether the advertised address leads to them. */
export async function ports({ ports: range, bind, address }: CheckConfig): Promise<Finding[]> {
  const findings: Finding[] = []
  const text = `${range.first}-${range.last}`
  const ephemeral = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '')
  const [low = 0, high = 0] = ephemeral.trim().split(/\s+/).map(Number)
  if (range.first <= high && range.last >= low)
    findings.push(warn('ports', `outgoing connections of this host use ${low}-${high}, which meets ${text}`, 'choose --ports below, such as 20000-29999'))
  const start = Math.floor(Math.random() * (range.last - range.first + 1))
  for (const port of candidatePorts(range, new Set(), SAMPLE, start)) {
    const word = randomUUID()
    const close = await listen(bind, port, word)
    if (!close) continue
    findings.push(ok('ports', `${text} can be opened at ${bind}`), await reached(address, port, word))
    await close()
    return findings
  }
  return [
    ...findings,
    fail(
      'ports',
      `none of ${SAMPLE} ports tried in ${text} can be opened at ${bind}`,
      'ss -tlnp shows who has them; choose others with --ports, or another --bind',
    ),
  ]
}

/** @param word what whoever dials is told */
async function listen(host: string, port: number, word: string): Promise<(() => Promise<void>) | null> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end(word))
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch {
    return null
  }
  return async () => {
    server.close()
    await once(server, 'close')
  }
}

async function reached(address: string | null, port: number, word: string): Promise<Finding> {
  if (address === null) return warn('address', 'it is not said at which address clients reach this host', 'name it with --address')
  const answers = await dial(address, port, word)
  const half = 'from this host, which is only half the truth: try it from outside'
  if (answers) return ok('address', `${address} leads here, seen ${half}`)
  return warn(
    'address',
    `${address}:${port} does not lead here, seen ${half}`,
    `nc -v ${address} ${port} from another machine; open the ports in the firewall and forward them in the router`,
  )
}

/** Whether just our listener is there: on a wrong address another host's SSH server may speak first, too. */
function dial(host: string, port: number, word: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let said = ''
    const end = (answer: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end(false), DIAL_MS)
    socket
      .on('data', (chunk) => (said += chunk.toString('latin1')))
      .on('error', () => end(false))
      .on('close', () => end(said === word))
  })
}
