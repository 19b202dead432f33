import { DriverError, type PullProgress } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import { driverError, givenUp } from './errors.ts'

/** One row of a pull as the engine sends it. */
export type PullRow = { id?: string; status?: string; progressDetail?: { current?: number; total?: number }; error?: string }

type Layer = { size: number | null; downloaded: number; extracted: number }

/**
 * Sums rows up. Every layer is moved twice, once over the wire and once onto the disk, and both count:
 * else a pull would look stalled while its last layer is unpacked.
 */
export function pullProgress(): { take(row: PullRow): PullProgress | null } {
  const layers = new Map<string, Layer>()
  let last = ''
  return {
    take(row) {
      const layer = row.id === undefined ? undefined : (layers.get(row.id) ?? begun(row))
      if (row.id === undefined || layer === undefined) return null
      layers.set(row.id, advanced(layer, row))
      const sum = total([...layers.values()])
      const text = JSON.stringify(sum)
      if (text === last) return null
      last = text
      return sum
    },
  }
}

const begun = (row: PullRow): Layer | undefined => (row.status === 'Pulling fs layer' ? { size: null, downloaded: 0, extracted: 0 } : undefined)

function advanced(layer: Layer, { status, progressDetail }: PullRow): Layer {
  const { current = 0, total } = progressDetail ?? {}
  if (status === 'Downloading') return { ...layer, size: total ?? layer.size, downloaded: current }
  if (status === 'Extracting') return { size: total ?? layer.size, downloaded: total ?? layer.downloaded, extracted: current }
  // Small layers come in one piece, without a row that tells their size.
  if (status === 'Download complete') return { ...layer, size: layer.size ?? 0, downloaded: layer.size ?? layer.downloaded }
  if (status === 'Pull complete') return { size: layer.size ?? 0, downloaded: layer.size ?? 0, extracted: layer.size ?? 0 }
  return layer
}

function total(layers: Layer[]): PullProgress {
  const current = layers.reduce((sum, l) => sum + l.downloaded + l.extracted, 0)
  const sizes = layers.map((l) => l.size)
  return { current, total: sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + 2 * (size ?? 0), 0) }
}

/** Each line of a stream of text, as it comes. */
async function* lines(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    yield* parts.filter((line) => line.trim() !== '')
  }
}

async function follow(engine: Engine, reference: string, onProgress: (p: PullProgress) => void, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const progress = pullProgress()
  for await (const line of lines(await engine.pull(reference, signal))) {
    const row = JSON.parse(line) as PullRow
    if (row.error !== undefined) throw new Error(row.error)
    const now = progress.take(row)
    if (now) onProgress(now)
  }
  // A stream that ends early ends like one that is done.
  if ((await engine.image(reference, signal)) === null) throw new Error(`the pull of ${reference} ended without the image`)
}

/**
 * Pulls an image. An error can come instead of the first row or as a row.
 * @throws DriverError pull_failed, disk_full, away
 */
export async function pull(engine: Engine, reference: string, onProgress: (p: PullProgress) => void, signal: AbortSignal): Promise<void> {
  try {
    await follow(engine, reference, onProgress, signal)
  } catch (error) {
    if (signal.aborted) throw givenUp(signal, 'pull_failed')
    const known = driverError(error)
    throw known.code === 'away' || known.code === 'disk_full' ? known : new DriverError('pull_failed', known.message, error)
  }
}
