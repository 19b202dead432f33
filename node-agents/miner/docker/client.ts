import { createRequire, registerHooks } from 'node:module'
import type Docker from 'dockerode'
import { DriverError } from '../../core/ports.ts'
import { driverError, givenUp, statusOf, textOf } from './errors.ts'

/** The only file that knows the SDK. Every call ends: by its answer, by the caller's signal or by its own deadline. */

/** The SDK without gRPC, which it loads for builds alone: it weighs 15 MB in an idle agent, and nobody here builds. */
function loadSdk(): typeof Docker {
  const hooks = registerHooks({
    resolve: (name, context, next) => (name.startsWith('@grpc/') ? { url: 'node:path', format: 'builtin', shortCircuit: true } : next(name, context)),
  })
  try {
    return createRequire(import.meta.url)('dockerode') as typeof Docker
  } finally {
    hooks.deregister()
  }
}

const Sdk = loadSdk()

export type CreateOptions = Docker.ContainerCreateOptions
export type NetworkOptions = Docker.NetworkCreateOptions
/** `NetworkMode`: name of the network it was made for. */
export type Row = Pick<Docker.ContainerInfo, 'Id' | 'Labels' | 'State' | 'Status'> & {
  HostConfig?: { NetworkMode?: string | undefined }
  Mounts?: { Name?: string | undefined }[]
} & {
  /** See `withOom`. */ oomKilled?: boolean
}
/** What the engine says of itself, as far as we read it. */
export type EngineFacts = {
  ID: string
  ServerVersion: string
  SecurityOptions: string[] | null
  DockerRootDir: string
  LiveRestoreEnabled?: boolean
  CgroupVersion?: string
  CgroupDriver?: string
  KernelVersion?: string
  Runtimes?: Record<string, unknown>
  Driver?: string
}
export type Filters = Record<string, string[]>
/** `env`: "NAME=value". `volumes`: paths it declares. `digests`: by which a registry knows it ("name@sha256:…"), none when it was made here. */
export type Image = { env: string[]; volumes: string[]; digests: string[] }

/** Milliseconds. Starting waits for GPU hooks, removing for a tree of files, a walk for millions of them. */
const DEADLINE = { ask: 30_000, start: 120_000, remove: 120_000, walk: 30 * 60_000 }

export type Engine = ReturnType<typeof connect>

async function ask<T>(deadlineMs: number, signal: AbortSignal | undefined, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs)
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline
  // The SDK never settles when the engine dies in the middle of an answer, so the signal ends the wait itself.
  const aborted = new Promise<never>((_, reject) => either.addEventListener('abort', () => reject(either.reason), { once: true }))
  try {
    either.throwIfAborted()
    return await Promise.race([request(either), aborted])
  } catch (error) {
    if (signal?.aborted) throw givenUp(signal)
    if (deadline.aborted) throw new DriverError('away', `the engine did not answer within ${deadlineMs / 1000} s`, error)
    throw driverError(error)
  }
}

/** Answers that mean "that is already so". */
const unless = (statuses: number[]) => (error: unknown) => {
  if (!statuses.includes(statusOf(error) ?? 0)) throw error
}

/** The same, where only the words tell it apart. */
const unlessSaid = (words: RegExp) => (error: unknown) => {
  if (!words.test(textOf(error))) throw error
}

/** A question that the SDK has no abortable method for. */
function get<T>(docker: Docker, path: string, abortSignal: AbortSignal): Promise<T> {
  const request = { path, method: 'GET', statusCodes: { 200: true, 404: 'not found', 500: 'server error' }, abortSignal }
  return new Promise((resolve, reject) => docker.modem.dial(request, (error: unknown, answer: unknown) => (error ? reject(error) : resolve(answer as T))))
}

/** @param socket path of the engine's socket; without it DOCKER_HOST says where the engine is, else /var/run/docker.sock */
export function connect(socket?: string) {
  const path = socket ?? (process.env['DOCKER_HOST'] ? undefined : '/var/run/docker.sock')
  const docker = path === undefined ? new Sdk() : new Sdk({ socketPath: path.replace(/^unix:\/\//, ''), host: undefined })
  return { ...images(docker), ...containers(docker), ...networks(docker), ...execs(docker) }
}

function images(docker: Docker) {
  return {
    info: (signal?: AbortSignal) => ask(DEADLINE.ask, signal, (abortSignal) => get<EngineFacts>(docker, '/info', abortSignal)),

    /** What an image brings along, or null when it is not here. */
    image: (reference: string, signal?: AbortSignal): Promise<Image | null> =>
      ask(DEADLINE.ask, signal, async (abortSignal) => {
        try {
          const { Config, RepoDigests } = await get<Docker.ImageInspectInfo>(docker, `/images/${reference}/json`, abortSignal)
          return { env: Config.Env ?? [], volumes: Object.keys(Config.Volumes ?? {}), digests: RepoDigests ?? [] }
        } catch (error) {
          unless([404])(error)
          return null
        }
      }),

    /** Some image that is here, or null. */
    anyImage: (signal?: AbortSignal): Promise<string | null> =>
      ask(DEADLINE.ask, signal, async (abortSignal) => (await docker.listImages({ abortSignal }))[0]?.Id ?? null),

    /** Newline-delimited rows of a pull. Up to the first of them takes as long as the registry does. */
    pull: (reference: string, abortSignal: AbortSignal) => docker.pull(reference, { abortSignal }),

    /** Newline-delimited events, without end. */
    events: (filters: Filters, abortSignal: AbortSignal) => docker.getEvents({ filters, abortSignal }),
  }
}

function containers(docker: Docker) {
  return {
    list: (filters: Filters, signal?: AbortSignal): Promise<Row[]> =>
      ask(DEADLINE.ask, signal, (abortSignal) => docker.listContainers({ all: true, filters, abortSignal })),

    /** Resolves with the new id, or null when the name is taken. Cannot be aborted: a create given up half-way may still happen. */
    create: (options: CreateOptions) =>
      ask(DEADLINE.ask, undefined, async (abortSignal) => {
        try {
          return (await docker.createContainer({ ...options, abortSignal })).id
        } catch (error) {
          if (statusOf(error) === 409 && /name .* is already in use/.test(textOf(error))) return null
          throw error
        }
      }),

    /** Bytes on top of its image: the engine walks through its files. null: it could not; 0: the container is gone. */
    written: (id: string, signal?: AbortSignal): Promise<number | null> =>
      ask(DEADLINE.walk, signal, async (abortSignal) => {
        try {
          const asked = { size: true, abortSignal }
          const { SizeRw = -1 } = (await docker.getContainer(id).inspect(asked)) as Docker.ContainerInspectInfo & { SizeRw?: number }
          return SizeRw < 0 ? null : SizeRw
        } catch (error) {
          unless([404])(error)
          return 0
        }
      }),

    /** Labels and state of the container that holds a name. */
    inspect: (name: string, signal?: AbortSignal): Promise<Row> =>
      ask(DEADLINE.ask, signal, async (abortSignal) => {
        const { Id, Config, State, HostConfig, Mounts } = await docker.getContainer(name).inspect({ abortSignal })
        return { Id, Labels: Config.Labels, State: State.Status, Status: '', HostConfig, Mounts }
      }),

    /** Whether anything in it was ever killed for lack of memory; null: it is not there. */
    oomKilled: (id: string, signal?: AbortSignal): Promise<boolean | null> =>
      ask(DEADLINE.ask, signal, async (abortSignal) => {
        try {
          return (await docker.getContainer(id).inspect({ abortSignal })).State.OOMKilled
        } catch (error) {
          unless([404])(error)
          return null
        }
      }),

    /** Unpacks a tar at /. */
    put: (id: string, tar: Buffer, signal?: AbortSignal) =>
      ask(DEADLINE.ask, signal, async (abortSignal) => void (await docker.getContainer(id).putArchive(tar, { path: '/', abortSignal }))),

    start: (id: string, signal?: AbortSignal) =>
      ask(
        DEADLINE.start,
        signal,
        async (abortSignal) =>
          void (await docker
            .getContainer(id)
            .start({ abortSignal })
            .catch(unless([304]))),
      ),

    pause: (id: string) =>
      ask(
        DEADLINE.ask,
        undefined,
        async (abortSignal) =>
          void (await docker
            .getContainer(id)
            .pause({ abortSignal })
            .catch(unlessSaid(/is already paused/))),
      ),

    /** One that ended says "is not paused" too: look at its state first. */
    unpause: (id: string) =>
      ask(
        DEADLINE.ask,
        undefined,
        async (abortSignal) =>
          void (await docker
            .getContainer(id)
            .unpause({ abortSignal })
            .catch(unlessSaid(/is not paused/))),
      ),

    /** Terminates, then kills after the grace. @param graceS seconds */
    stop: (id: string, graceS: number) =>
      ask(
        DEADLINE.start,
        undefined,
        async (abortSignal) =>
          void (await docker
            .getContainer(id)
            .stop({ t: graceS, abortSignal })
            .catch(unless([304]))),
      ),

    /** Kills and removes with its volumes. Resolves false when another removal is still at it. */
    remove: (id: string) =>
      ask(DEADLINE.remove, undefined, async (abortSignal) => {
        try {
          await docker.getContainer(id).remove({ force: true, v: true, abortSignal })
          return true
        } catch (error) {
          if (statusOf(error) === 409 && /already in progress/.test(textOf(error))) return false
          unless([404])(error)
          return true
        }
      }),
  }
}

function networks(docker: Docker) {
  return {
    /** One of that name is made, or was there already; or its addresses collide with another network of this engine. Cannot be aborted. */
    makeNetwork: (options: NetworkOptions): Promise<'there' | 'overlaps'> =>
      ask(DEADLINE.ask, undefined, async (abortSignal) => {
        try {
          await docker.createNetwork({ ...options, abortSignal })
          return 'there'
        } catch (error) {
          if (statusOf(error) === 409 && /already exists/.test(textOf(error))) return 'there'
          if (/overlap/i.test(textOf(error))) return 'overlaps'
          throw error
        }
      }),

    /** Names. */
    networks: (label: string[], signal?: AbortSignal): Promise<string[]> =>
      ask(DEADLINE.ask, signal, async (abortSignal) => (await docker.listNetworks({ filters: { label }, abortSignal })).map((n) => n.Name)),

    /** A container that was started keeps the id of its network; this gives a stopped one the network that has the name now. */
    reconnect: (name: string, id: string) =>
      ask(DEADLINE.ask, undefined, async () => {
        const network = docker.getNetwork(name)
        await network.disconnect({ Container: id, Force: true })
        await network.connect({ Container: id })
      }),

    /** Resolves false when a container, running or not, still has it. */
    removeVolume: (name: string) =>
      ask(DEADLINE.remove, undefined, async (abortSignal) => {
        try {
          await docker.getVolume(name).remove({ abortSignal })
          return true
        } catch (error) {
          if (statusOf(error) === 409) return false
          unless([404])(error)
          return true
        }
      }),

    /** Resolves false when a container is still connected. */
    removeNetwork: (name: string) =>
      ask(DEADLINE.remove, undefined, async (abortSignal) => {
        try {
          await docker.getNetwork(name).remove({ abortSignal })
          return true
        } catch (error) {
          if (/active endpoints/.test(textOf(error))) return false
          unless([404])(error)
          return true
        }
      }),
  }
}

function execs(docker: Docker) {
  return {
    /** Starts argv inside; resolves with its id and its output as multiplexed frames. */
    exec: (id: string, Cmd: string[], Env: string[], signal: AbortSignal) =>
      ask(DEADLINE.ask, signal, async (abortSignal) => {
        const exec = await docker.getContainer(id).exec({ Cmd, Env, AttachStdout: true, AttachStderr: true, abortSignal })
        return { id: exec.id, output: await exec.start({ hijack: true, stdin: false, abortSignal }) }
      }),

    /** Exit code, or null while it runs. */
    exitCode: (execId: string) => ask(DEADLINE.ask, undefined, async (abortSignal) => (await docker.getExec(execId).inspect({ abortSignal })).ExitCode),
  }
}
