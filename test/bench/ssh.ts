import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { startDatabase } from '../../local/database/server.ts'
import { migrate } from '../../local/database/migrate.ts'
import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import type { AllocationView } from '../../schema/index.ts'
import { HOST_KEY } from '../support/agent.ts'
import { readUntil, startTestEdge, type TestEdge } from '../support/edge.ts'
import { type Bench, type Figure, median, quantile, round, timed } from './measure.ts'

const RUNS = 20
const WARM_UP = 2
const IDLE_MS = 5_000
const FLOOR_PORT = 19_999
const FLOOR_NETWORK = 'benchfloor'
const IMAGE = process.env['COMPUTE_TEST_IMAGE'] ?? 'compute-workspace:test'

/** Dials until an SSH server says who it is; a proxy in front may accept and close again before that. */
async function banner(host: string, port: number): Promise<void> {
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(2)) {
    const socket = connect({ host, port })
    const said = await new Promise<boolean>((done) => {
      socket.once('data', () => done(true))
      socket.once('error', () => done(false))
      socket.once('close', () => done(false))
    })
    socket.destroy()
    if (said) return
  }
  throw new Error(`no SSH banner at ${host}:${port}`)
}

/** A network of its own, as every rental has one: made ahead here as there. */
async function ownNetwork(docker: Docker) {
  return docker.createNetwork({
    Name: FLOOR_NETWORK,
    CheckDuplicate: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: '198.19.255.248/29' }] },
    Options: { 'com.docker.network.bridge.name': FLOOR_NETWORK, 'com.docker.network.bridge.enable_icc': 'false' },
  })
}

/** The floor: the same image by hand, from create to banner. @param network default: the bridge all share */
async function byHand(docker: Docker, network = 'bridge'): Promise<number> {
  let id = ''
  const ms = await timed(async () => {
    const container = await docker.createContainer({
      Image: IMAGE,
      Cmd: ['/usr/sbin/sshd', '-D', '-e'],
      HostConfig: { Init: true, NetworkMode: network, PortBindings: { '22/tcp': [{ HostIp: '127.0.0.1', HostPort: String(FLOOR_PORT) }] } },
      ExposedPorts: { '22/tcp': {} },
    })
    id = container.id
    await container.start()
    await banner('127.0.0.1', FLOOR_PORT)
  })
  await docker.getContainer(id).remove({ force: true })
  return ms
}

async function rented(edge: TestEdge, key: string): Promise<number> {
  let view: AllocationView | null = null
  const ms = await timed(async () => {
    const answer = await edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [HOST_KEY] }, { prefer: 'wait=60' })
    if (answer.body.state !== 'running' || !answer.body.endpoint) throw new Error(`not running: ${JSON.stringify(answer.body)}`)
    view = answer.body
    await banner(answer.body.endpoint.host, answer.body.endpoint.port)
  })
  if (view) await edge.call(key, 'DELETE', `/v1/allocations/${(view as AllocationView).id}`, undefined, { prefer: 'wait=60' })
  return ms
}

/** Resident memory of a process, MB. */
async function rss(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** POST until the client reads the banner, against the same image started by hand, in turns; and what the agent weighs idle. */
export const bench: Bench = async () => {
  const docker = new Docker()
  const answers = await docker.ping().then(
    () => true,
    () => false,
  )
  if (!answers) {
    console.error('allocate_to_ssh and agent_rss_mb need a container engine: set DOCKER_HOST')
    return []
  }
  const folder = await mkdtemp(join(tmpdir(), 'bench-ssh-'))
  const database = await startDatabase({ file: join(folder, 'edge.db') })
  await migrate(database.url)
  const edge = await startTestEdge(database.url, { vars: { DEFAULT_IMAGE: IMAGE } })
  const hotkeyFile = join(folder, 'hotkey')
  const { address: hotkey } = await generateHotkey(hotkeyFile)
  await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey, role: 'miner' })
  const agent = spawn(
    process.execPath,
    [
      ...AGENT_FLAGS,
      'node-agents/main.ts',
      'miner',
      '--edge',
      `${edge.url}#${edge.fingerprint}`,
      '--hotkey-file',
      hotkeyFile,
      '--state',
      join(folder, 'state'),
      '--address',
      '127.0.0.1',
      '--bind',
      '127.0.0.1',
      '--ports',
      '21000-21999',
      '--images',
      IMAGE,
      '--chain',
      'none',
      '--simulate-gpu',
      'NVIDIA H200:8',
      '--log-level',
      'warn',
    ],
    { stdio: 'inherit' },
  )
  let network: Awaited<ReturnType<typeof ownNetwork>> | null = null
  try {
    const key = await edge.key('bench')
    await readUntil(
      () => edge.call<{ free: number }>(key, 'GET', '/v1/gpus'),
      (a) => a.body.free === 8,
    )
    const floor: number[] = []
    const walled: number[] = []
    const ours: number[] = []
    network = await ownNetwork(docker)
    for (let i = -WARM_UP; i < RUNS; i++) {
      const [hand, alone, rental] = [await byHand(docker), await byHand(docker, FLOOR_NETWORK), await rented(edge, key)]
      if (i >= 0) floor.push(hand)
      if (i >= 0) walled.push(alone)
      if (i >= 0) ours.push(rental)
    }
    await sleep(IDLE_MS)
    const to = `create, start and banner of the same image by hand (p50 ${round(median(floor), 0)} ms, p99 ${round(quantile(floor, 0.99), 0)} ms)`
    const toWalled = `the same by hand on a network of its own (p50 ${round(median(walled), 0)} ms)`
    const value = round(median(ours), 0)
    const figures: Figure[] = [
      { name: 'allocate_to_ssh', value, unit: 'ms', to, ratio: round(median(ours) / median(floor)), n: RUNS },
      { name: 'allocate_to_ssh_walled', value, unit: 'ms', to: toWalled, ratio: round(median(ours) / median(walled)), n: RUNS },
      { name: 'agent_rss_mb', value: round(await rss(agent), 0), unit: 'MB', note: `idle ${IDLE_MS / 1000} s after ${RUNS + WARM_UP} rentals` },
    ]
    return figures
  } finally {
    await network?.remove()
    agent.kill('SIGTERM')
    await once(agent, 'exit')
    await edge.close()
    await database.close()
    await rm(folder, { recursive: true, force: true })
  }
}
