import Docker from 'dockerode'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'

/** Where rentals will run. `notes`: what a person should know about it, one line each. */
export type Choice = { driver: 'docker' | 'box'; image: string; socket: string | null; notes: string[] }

export type Wanted = { driver: 'docker' | 'box' | undefined; image: string | undefined; dockerHost: string | undefined }

const KNOWN = 'compute-workspace'
const STANDARD_SOCKET = '/var/run/docker.sock'
const BOX_IMAGE = `${KNOWN}:box`
const ANSWER_MS = 5000

const NO_ISOLATION = 'driver box: NO ISOLATION. Whoever logs in runs commands as you on this machine. For trying out only.'
const HOW =
  'make one (debootstrap --variant=minbase --include=openssh-server,procps,python3 bookworm rootfs && tar -C rootfs -c . | docker import - compute-workspace:local) or name one with --image'

/**
 * Rentals of the last start are only found by the driver that made them. Throws a Mistake when that would be another one now.
 * @param before the driver of the last start; null: this is the first
 */
export function keepDriver(choice: Choice, before: Choice['driver'] | null, folder: string): void {
  if (before === null || before === choice.driver) return
  const used = `the rentals in ${folder} run in ${before === 'docker' ? 'Docker' : 'the box driver'}`
  const why = choice.notes.length > 1 ? ` (${choice.notes[0]})` : ''
  const fix = before === 'docker' ? 'start the engine' : 'go on with npm start -- --driver box'
  throw new Mistake(`${used}, and this start would use ${choice.driver}${why}: ${fix}, or begin anew with npm start -- --driver ${choice.driver} --state DIR`)
}

/** Docker when an engine answers and has an image with an SSH server, else the box driver, saying why. Throws a Mistake when only Docker will do. */
export async function choose({ driver, image, dockerHost }: Wanted): Promise<Choice> {
  const box = (...why: string[]): Choice => {
    if (driver === 'docker') throw new Mistake(why.join(' '))
    return { driver: 'box', image: image ?? BOX_IMAGE, socket: null, notes: [...why, NO_ISOLATION] }
  }
  if (driver === 'box') return box()
  const socket = socketOf(dockerHost)
  if (!socket) return box(`DOCKER_HOST=${dockerHost} is not a Unix socket, and agents take no other`)
  const images = await workspaceImages(socket)
  if (images instanceof Error) return box(`no Docker engine answers at ${socket} (${reason(images)})`)
  const found = image ?? images[0]
  return found === undefined ? box(`Docker answers, but has no image ${KNOWN}:*; ${HOW}`) : { driver: 'docker', image: found, socket, notes: [] }
}

function socketOf(dockerHost: string | undefined): string | null {
  if (!dockerHost) return STANDARD_SOCKET
  return /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1] ?? null
}

/** Images of that name, newest first; an error when no engine answers. */
async function workspaceImages(socketPath: string): Promise<string[] | Error> {
  try {
    const images = await new Docker({ socketPath, timeout: ANSWER_MS }).listImages({ filters: { reference: [`${KNOWN}:*`] } })
    return images.sort((a, b) => b.Created - a.Created).flatMap(({ RepoTags }) => (RepoTags ?? []).filter((tag) => tag.startsWith(`${KNOWN}:`)))
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
