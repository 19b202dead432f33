import { availableParallelism, totalmem } from 'node:os'
import type { GpuFacts, HostFacts } from '../../schema/index.ts'
import type { Log } from '../core/log.ts'
import { errno, reason } from '../core/mistake.ts'
import { type Clock, type Driver, DriverError } from '../core/ports.ts'
import { Trigger } from '../core/trigger.ts'
import type { Allowed } from './accept.ts'
import { nvidiaGpus } from './nvidia.ts'
import { reserveMb } from './share.ts'
import { type Simulated, simulatedGpus } from './simulate.ts'

const EVERY_MS = 60_000
/** While the engine is away there are no facts at all, so the next look is sooner. */
const RETRY_MS = 2000
const MB = 1024 * 1024

export type HostSettings = {
  hotkey: string
  address: string
  images: string[]
  maxCpus: number | null
  maxMemoryGb: number | null
  simulateGpu: Simulated | null
  diskReserveGb: number | null
}

type Look = { facts: HostFacts; diskMb: number }

async function gather(driver: Driver, s: HostSettings, signal: AbortSignal): Promise<Look> {
  const [{ driver: name, isolation, engine, disk: bound, network }, disk, gpu, images] = await Promise.all([
    driver.info(signal),
    driver.space(signal),
    s.simulateGpu ? ({ status: 'ok', gpus: simulatedGpus(s.hotkey, s.simulateGpu) } satisfies GpuFacts) : nvidiaGpus(signal),
    Promise.all(s.images.map(async (reference) => ({ reference, warm: await driver.hasImage(reference, signal) }))),
  ])
  const facts: HostFacts = {
    driver: name,
    isolation,
    engine,
    disk: bound,
    network,
    gpu,
    simulated: s.simulateGpu !== null,
    address: s.address,
    cpus: Math.min(availableParallelism(), s.maxCpus ?? Infinity),
    memory_mb: Math.floor(Math.min(totalmem() / MB, (s.maxMemoryGb ?? Infinity) * 1024)),
    disk_free_mb: disk.freeMb,
    images,
  }
  return { facts, diskMb: disk.totalMb }
}

const FIXES: Record<string, string> = {
  EACCES: 'add the user of this agent to the docker group, or run it as root',
  ENOENT: 'start the engine, or name its socket with --docker',
  ECONNREFUSED: 'start the engine, or name its socket with --docker',
}

/** Why this host could not be looked at, and what to do about it, in one line. */
function trouble(error: unknown): string {
  const fix = error instanceof DriverError ? FIXES[errno(error.cause) ?? ''] : undefined
  return fix ? `${reason(error)}: ${fix}` : reason(error)
}

/** What the edge should hear of soon. Free disk space moves all the time and waits for the next full sync. */
function gist({ facts }: Look): string {
  return JSON.stringify({ ...facts, disk_free_mb: 0 })
}

/** What this host is and has, looked at every minute. */
export class HostWatch {
  readonly #driver: Driver
  readonly #settings: HostSettings
  readonly #looks: Trigger
  readonly #log: Log
  readonly #onNews: () => void
  #last: Look | null = null
  /** GPUs of the last answer that was one: "nvidia-smi failed" takes none of them away. */
  #gpus: ReadonlySet<string> | null = null
  /** What the operator was told last; null: all is well. */
  #trouble: string | null = null

  constructor(o: { driver: Driver; settings: HostSettings; clock: Clock; log: Log; onNews: () => void }) {
    this.#driver = o.driver
    this.#settings = o.settings
    this.#looks = new Trigger(o.clock)
    this.#log = o.log
    this.#onNews = o.onNews
  }

  /** null: the engine was never seen. */
  get facts(): HostFacts | null {
    return this.#last?.facts ?? null
  }

  allowed(): Allowed | null {
    if (!this.#last) return null
    const { facts, diskMb } = this.#last
    return {
      images: this.#settings.images,
      gpus: this.#gpus,
      cpus: facts.cpus,
      memoryMb: facts.memory_mb,
      diskMb,
      diskFreeMb: facts.disk_free_mb,
      diskReserveMb: reserveMb(diskMb, this.#settings.diskReserveGb),
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#looks.kick((await this.#look(signal)) ? EVERY_MS : RETRY_MS)
      await this.#looks.next(signal).catch(() => undefined) // told to stop
    }
  }

  /** Something here changed by our own doing: look soon. */
  refresh(): void {
    this.#looks.kick()
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    try {
      const now = await gather(this.#driver, this.#settings, signal)
      const news = !this.#last || gist(this.#last) !== gist(now)
      this.#last = now
      if (now.facts.gpu.status === 'ok') this.#gpus = new Set(now.facts.gpu.gpus.map((g) => g.uuid))
      if (now.facts.gpu.status === 'none') this.#gpus = new Set()
      this.#tell(now.facts.gpu.status === 'failed' ? `nvidia-smi failed: ${now.facts.gpu.message}` : null)
      if (news) this.#onNews()
      return true
    } catch (error) {
      if (!signal.aborted) this.#tell(`this host cannot be looked at: ${trouble(error)}`)
      return false
    }
  }

  /** Says what is wrong once, and when it is over. */
  #tell(trouble: string | null): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    if (trouble) this.#log.warn(trouble)
    else this.#log.info('this host can be looked at again')
  }
}
