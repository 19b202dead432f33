import { fingerprint, type Progress, type WishRun } from '../../schema/index.ts'
import { generateSshKey } from '../core/ssh-key.ts'
import { type Clock, type Container, type ContainerIdentity, DriverError } from '../core/ports.ts'
import { awaitBanner } from './banner.ts'
import type { Note } from './book.ts'
import { pullWithin } from './pull.ts'
import { type Tools, welcome } from './tools.ts'

const BANNER_MS = 45_000
const INIT_MS = 10 * 60_000
const OUTPUT_SHOWN = 600

const at = (stage: Progress['stage'], current = 0, total: number | null = null): Progress => ({ stage, current, total })

/**
 * Makes the container of a wish, from nothing to "a client can log in". Rejects with what went wrong;
 * whatever it left behind is then removed like anything else that must not be there.
 */
export async function make(t: Tools, entry: WishRun, ports: number[], signal: AbortSignal): Promise<void> {
  const subject = { allocation: entry.id, incarnation: entry.incarnation }
  const tell = (change: Partial<Note>) => {
    t.book.write(subject, change)
    t.changed()
  }
  const watch = stopwatch(t.clock)
  tell({ phase: 'creating', progress: null, failure: null })
  const [warm] = await Promise.all([t.driver.hasImage(entry.image, signal), t.memory.making(subject, termsOf(entry))])
  if (!warm) {
    tell({ phase: 'pulling', progress: at('pull') })
    await watch.lap(
      'pull',
      pullWithin(t, entry.image, (p) => tell({ progress: at('pull', p.current, p.total) }), signal),
    )
    tell({ phase: 'creating', progress: at('create') })
  }
  const container = await watch.laps('create', 'start', (created) => {
    const onCreated = () => {
      created()
      tell({ phase: 'starting', progress: at('start') })
    }
    return create(t, entry, ports, signal, onCreated)
  })
  tell({ phase: 'starting', progress: at('banner') })
  await watch.lap('banner', answer(t, container, signal))
  for (const [i, argv] of entry.init.entries()) {
    tell({ progress: at('init', i, entry.init.length) })
    await watch.lap('init', unlessAborted(init(t, container, argv, entry.env), signal))
  }
  await t.memory.made(subject, { took: watch.took })
  welcome(t, container)
}

/** Counters and keys it begins with count as done. */
const termsOf = ({ restart_n, keys_n, ssh_keys, expires_at_ms }: WishRun) => ({ restart_n, keys_n, keys: ssh_keys.map(fingerprint), expires_at_ms })

/** Milliseconds each stage took; the laps of one stage add up. */
function stopwatch(clock: Clock) {
  const took: Partial<Record<Progress['stage'], number>> = {}
  const add = (stage: Progress['stage'], since: number) => {
    took[stage] = (took[stage] ?? 0) + Math.round(clock.monotonicMs() - since)
  }
  const lap = async <T>(stage: Progress['stage'], work: Promise<T>): Promise<T> => {
    const begun = clock.monotonicMs()
    const result = await work
    add(stage, begun)
    return result
  }
  /** Two stages in one piece of work, which says when the second begins. */
  const laps = async <T>(first: Progress['stage'], second: Progress['stage'], work: (next: () => void) => Promise<T>): Promise<T> => {
    let [stage, begun] = [first, clock.monotonicMs()]
    const next = () => {
      add(stage, begun)
      ;[stage, begun] = [second, clock.monotonicMs()]
    }
    const result = await work(next)
    add(stage, begun)
    return result
  }
  return { took, lap, laps }
}

async function create(t: Tools, entry: WishRun, ports: number[], signal: AbortSignal, onCreated: () => void): Promise<Container> {
  if (ports.length === 0) throw new DriverError('no_port', `every SSH port of this host (${t.ports.first}-${t.ports.last}) is in use`)
  const key = generateSshKey(entry.id)
  const { id: allocation, incarnation, gpus, trace, image, limits, env, ssh_keys: authorizedKeys } = entry
  const identity = { allocation, incarnation, gpus, hostKey: key.publicKey, trace }
  const spec = { ...identity, ports, image, limits, env, authorizedKeys, hostPrivateKey: key.privateKey, simulated: t.simulated }
  const { port } = await t.driver.run(t.owner, spec, signal, onCreated)
  const container: Container = { ...identity, port, state: 'running', exitCode: null, started: true }
  t.sight.put(container)
  return container
}

async function answer(t: Tools, c: Container, signal: AbortSignal): Promise<void> {
  const alive = () => t.sight.get(c)?.state === 'running'
  if (await awaitBanner(t.clock, { host: t.probeHost, port: c.port, withinMs: BANNER_MS, alive }, signal)) return
  const now = t.sight.get(c)
  if (now?.state === 'running') throw new DriverError('not_answering', `no SSH server answered in the container within ${BANNER_MS / 1000} s`)
  throw new DriverError('exited', `the container ended with code ${now?.exitCode ?? 'unknown'} before its SSH server answered`)
}

/** A rental that is over does not wait for its init commands: they end with the container. Rejects with the signal's reason. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  work.catch(() => undefined) // whoever stopped waiting does not want its failure either
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('given up'))
  signal.addEventListener('abort', onAbort, { once: true })
  await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', onAbort))
}

async function init(t: Tools, c: ContainerIdentity, argv: string[], env: Record<string, string>): Promise<void> {
  const { exitCode, output } = await t.driver.exec(t.owner, c, argv, env, INIT_MS)
  if (exitCode === 0) return
  const said = output.trim().slice(-OUTPUT_SHOWN)
  throw new DriverError('init_failed', `${argv[0]} ended with code ${exitCode}${said && `: ${said}`}`)
}
