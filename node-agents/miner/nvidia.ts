import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { gpuFact, type GpuFact, type GpuFacts } from '../../schema/index.ts'
import { errno, reason } from '../core/mistake.ts'

const FIELDS = ['uuid', 'index', 'name', 'memory.total', 'driver_version'] as const
const TIMEOUT_MS = 30_000
const MAX_MESSAGE = 1000

function row(line: string): { gpu: GpuFact; driver: string } {
  const [uuid, index, model, vram, driver = ''] = line.split(',').map((s) => s.trim())
  const gpu = gpuFact.safeParse({ uuid, index: number(index), model: model?.slice(0, 64), vram_mb: number(vram) })
  if (!gpu.success) throw new Error(`nvidia-smi says something unexpected about a GPU: ${line.slice(0, 200)}`)
  return { gpu: gpu.data, driver }
}

const number = (text: string | undefined) => (text && /^[0-9]+$/.test(text) ? Number(text) : Number.NaN)

/** Reads `--format=csv,noheader,nounits`. A card that shows "[N/A]" makes the whole answer failed: it is not "no GPU". */
export function parseNvidiaSmi(output: string): GpuFacts {
  const lines = output.split('\n').filter((l) => l.trim() !== '')
  if (lines.length === 0 || /^No devices were found/i.test(lines[0] ?? '')) return { status: 'failed', message: 'nvidia-smi runs and lists no GPU' }
  try {
    const rows = lines.map(row)
    const driver = rows[0]?.driver
    return { status: 'ok', gpus: rows.map((r) => r.gpu), ...(driver && { driver_version: driver.slice(0, 64) }) }
  } catch (error) {
    return { status: 'failed', message: reason(error).slice(0, MAX_MESSAGE) }
  }
}

function run(binary: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [`--query-gpu=${FIELDS.join(',')}`, '--format=csv,noheader,nounits']
    execFile(binary, args, { timeout: TIMEOUT_MS, signal, maxBuffer: 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      if (errno(error) === 'ENOENT' || error.name === 'AbortError') return reject(error)
      reject(new Error(`${reason(error)} ${stdout}${stderr}`.trim(), { cause: error }))
    })
  })
}

/** Device nodes of NVIDIA's kernel driver: there is a GPU here, whatever the tools say. */
async function hasDeviceNodes(): Promise<boolean> {
  return (await readdir('/dev')).some((name) => /^nvidia([0-9]+|ctl)$/.test(name))
}

/** Asks nvidia-smi. `none` only when there is neither the tool nor a device node; every other trouble is `failed`. */
export async function nvidiaGpus(signal: AbortSignal, binary = 'nvidia-smi', deviceNodes: () => Promise<boolean> = hasDeviceNodes): Promise<GpuFacts> {
  try {
    return parseNvidiaSmi(await run(binary, signal))
  } catch (error) {
    signal.throwIfAborted()
    if (errno(error) !== 'ENOENT') return { status: 'failed', message: reason(error).slice(0, MAX_MESSAGE) }
    if (!(await deviceNodes())) return { status: 'none' }
    return { status: 'failed', message: 'there are NVIDIA devices, but nvidia-smi is not installed: install the driver package of this machine' }
  }
}
