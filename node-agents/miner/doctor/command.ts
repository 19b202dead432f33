import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { Mistake, reason } from '../../core/mistake.ts'
import type { CheckConfig } from '../config.ts'
import { connect, type EngineFacts } from '../docker/client.ts'
import { type Firewall, firewall } from '../docker/firewall.ts'
import { Networks } from '../docker/networks.ts'
import { type Probe, startProbe } from '../docker/probe.ts'
import { PREFIX } from '../docker/driver.ts'
import { INTERRUPTED, uninterrupted } from '../interrupt.ts'
import type { MakeDriver } from '../main.ts'
import { chain } from './chain.ts'
import { edge } from './edge.ts'
import { engineAnswers, images } from './engine.ts'
import { fail, type Finding, ok, text } from './finding.ts'
import { gpus } from './gpu.ts'
import { disk, hotkey, ports, stateDir } from './host.ts'
import { isolation, noProbe, rules } from './network.ts'
import { proof } from './proof.ts'

const NVIDIA_SMI_MS = 30_000

/** What tests put in place of this host. */
export type Outside = {
  out: (line: string) => void
  walls: Firewall
  prefix: string
  /** Containers for the proof of GPU; null: none is tried. */ makeDriver: MakeDriver | null
  /** Ctrl-C. */ signal: AbortSignal
}
type Place = Pick<Outside, 'walls' | 'prefix' | 'makeDriver' | 'signal'>

const identity = z.object({ install: z.string() })

/** A check that could not even be made is one that failed. */
async function tried(check: string, work: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work
  } catch (error) {
    return [fail(check, reason(error), null)]
  }
}

/**
 * Every check there is, side by side where they do not disturb each other. The agent may run meanwhile.
 * Rejects with the signal's reason, once nothing is left of the probe.
 */
export async function examine(config: CheckConfig, place: Place): Promise<Finding[]> {
  const engine = connect(config.docker)
  const [{ facts, findings: engineFindings }, key] = await Promise.all([engineAnswers(engine, config.docker), hotkey(config.hotkeyFile)])
  const cards = await gpus(config.simulateGpu, facts)
  const onEngine = facts ? await inEngine(config, engine, facts, cards.uuids, place) : []
  place.signal.throwIfAborted()
  const [state, doors, at, onChain] = await Promise.all([
    tried('state', stateDir(config.state)),
    tried('ports', ports(config)),
    tried('edge', edge(config.edge, key.signer, await installOf(config.state))),
    tried('chain', chain(config, key.signer?.address ?? null, place.signal)),
  ])
  // Last and alone: what else is looked at would cost it speed.
  const proved = facts && place.makeDriver ? await proof(config, place.makeDriver, place.signal) : []
  return [...engineFindings, ...cards.findings, ...onEngine, ...doors, ...key.findings, ...state, ...at, ...onChain, ...proved]
}

async function inEngine(config: CheckConfig, engine: ReturnType<typeof connect>, facts: EngineFacts, uuids: string[], { walls, prefix, signal }: Place) {
  const { here, findings } = await images(engine, config.images)
  const [room, fence] = await Promise.all([tried('disk', disk(engine, facts.DockerRootDir, config)), rules(walls)])
  const [image] = here
  const inside =
    image === undefined
      ? [fail('isolation', 'not proved: no allowed image is here to try from', 'docker pull one of --images')]
      : await fromInside(config, engine, image, uuids, { prefix, signal })
  return [...findings, ...room, fence, ...inside]
}

async function fromInside(
  { networks: pool, dns }: CheckConfig,
  engine: ReturnType<typeof connect>,
  image: string,
  uuids: string[],
  { prefix, signal }: Pick<Place, 'prefix' | 'signal'>,
): Promise<Finding[]> {
  const networks = new Networks(engine, { prefix, pool, spares: 0 })
  let probe: Probe | null = null
  try {
    probe = await startProbe({ engine, networks, image, dns, gpus: uuids })
    return await Promise.race([looked(probe, uuids), aborted(signal)])
  } catch (error) {
    return [probe ? fail('isolation', reason(error), 'run this again') : noProbe(error)]
  } finally {
    await probe?.close()
    await networks.close()
  }
}

const looked = async (probe: Probe, uuids: string[]) => [...(uuids.length > 0 ? [await cardsInside(probe, uuids)] : []), ...(await isolation(probe))]

/** Rejects when the signal fires. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error('interrupted'))
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
  })
}

async function cardsInside(probe: Probe, uuids: string[]): Promise<Finding> {
  const { output } = await probe.exec(['nvidia-smi', '-L'], NVIDIA_SMI_MS)
  const missing = uuids.filter((uuid) => !output.includes(uuid))
  if (missing.length === 0) return ok('gpu inside', `a container sees all ${uuids.length} GPUs`)
  return fail(
    'gpu inside',
    `a container does not see ${missing.join(', ')}: ${output.trim().slice(-200)}`,
    'nvidia-ctk runtime configure --runtime=docker && systemctl restart docker',
  )
}

const installOf = (state: string) =>
  readFile(join(state, 'identity.json'), 'utf8').then(
    (json) => identity.safeParse(JSON.parse(json)).data?.install ?? null,
    () => null,
  )

const WORDS = ['--json', '--no-proof']

/**
 * `compute miner doctor [--json] [--no-proof]`. @param argv what the settings of the agent did not take
 * @returns the exit code: 1 when something failed
 */
export async function doctorCommand(config: CheckConfig, argv: string[], outside: Partial<Outside> = {}): Promise<number> {
  const strange = argv.filter((word) => !WORDS.includes(word))
  if (strange.length > 0) throw new Mistake(`compute miner doctor knows no ${strange.join(' ')}; it knows ${WORDS.join(', ')} and the flags of the agent`)
  const { out = (line) => console.log(line), prefix = PREFIX } = outside
  const makeDriver = argv.includes('--no-proof') ? null : (outside.makeDriver ?? null)
  const findings = await uninterrupted((signal) => examine(config, { prefix, walls: outside.walls ?? firewall(prefix), makeDriver, signal }), outside.signal)
  if (!findings) return INTERRUPTED
  const failed = findings.some((f) => f.status === 'fail')
  out(argv.includes('--json') ? JSON.stringify({ ok: !failed, findings }) : text(findings))
  return failed ? 1 : 0
}
