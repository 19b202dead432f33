import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { reason } from '../../core/mistake.ts'
import type { EngineFacts } from '../docker/client.ts'
import { nvidiaGpus } from '../nvidia.ts'
import type { Simulated } from '../simulate.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

/** Before it a container could get out by the toolkit's hook (CVE-2025-23266). */
const TOOLKIT = [1, 17, 8] as const
const TIMEOUT_MS = 30_000
const GUIDE = 'https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html'

/** The cards as nvidia-smi names them, and whether containers can be given them. */
export async function gpus(simulated: Simulated | null, engine: EngineFacts | null): Promise<{ uuids: string[]; findings: Finding[] }> {
  if (simulated)
    return { uuids: [], findings: [warn('gpu', `${simulated.count} × ${simulated.model}, SIMULATED: only a development edge takes this host`, null)] }
  const seen = await nvidiaGpus(AbortSignal.timeout(TIMEOUT_MS))
  if (seen.status === 'none')
    return { uuids: [], findings: [fail('gpu', 'there is no NVIDIA GPU on this host', 'lspci | grep -i nvidia shows the cards; install their driver')] }
  if (seen.status === 'failed')
    return { uuids: [], findings: [fail('gpu', seen.message, 'run nvidia-smi by hand; a reboot often helps after an upgrade of the driver')] }
  const found = ok('gpu', `${seen.gpus.length} × ${seen.gpus[0]?.model ?? 'GPU'}, driver ${seen.driver_version ?? 'unknown'}`)
  return { uuids: seen.gpus.map((g) => g.uuid), findings: [found, await toolkit(), runtime(engine)] }
}

/** "NVIDIA Container Toolkit CLI version 1.17.8", or null. Pure. */
export function toolkitVersion(output: string): number[] | null {
  const found = /version:?\s+(\d+)\.(\d+)\.(\d+)/i.exec(output)
  return found ? found.slice(1).map(Number) : null
}

export function isOlder(version: readonly number[], than: readonly number[]): boolean {
  const at = than.findIndex((part, i) => version[i] !== part)
  return at >= 0 && (version[at] ?? 0) < (than[at] ?? 0)
}

async function toolkit(): Promise<Finding> {
  const upgrade = `apt-get install --only-upgrade nvidia-container-toolkit (${GUIDE})`
  try {
    const { stdout } = await promisify(execFile)('nvidia-ctk', ['--version'], { timeout: TIMEOUT_MS })
    const version = toolkitVersion(stdout)
    if (!version) return warn('toolkit', `nvidia-ctk says ${JSON.stringify(stdout.slice(0, 100))}`, upgrade)
    const text = version.join('.')
    if (isOlder(version, TOOLKIT)) return fail('toolkit', `${text} lets a tenant become root on this host (CVE-2025-23266)`, upgrade)
    return ok('toolkit', text)
  } catch (error) {
    return fail('toolkit', `nvidia-ctk cannot be run: ${reason(error)}`, `install the NVIDIA Container Toolkit: ${GUIDE}`)
  }
}

function runtime(engine: EngineFacts | null): Finding {
  if (engine?.Runtimes && 'nvidia' in engine.Runtimes) return ok('runtime', 'the engine knows how to give GPUs')
  return warn(
    'runtime',
    'the engine names no nvidia runtime; the probe shows whether it gives GPUs all the same',
    'nvidia-ctk runtime configure --runtime=docker && systemctl restart docker',
  )
}
