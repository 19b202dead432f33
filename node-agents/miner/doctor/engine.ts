import { reason } from '../../core/mistake.ts'
import type { Engine, EngineFacts, Image } from '../docker/client.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

/** Older lines get no security fixes any more. */
const GOOD_VERSION = 23
const OLDEST_VERSION = 20
/** Older lines of Linux get no security fixes any more. */
const GOOD_KERNEL = [5, 10] as const

/** The engine as it describes itself, or why it does not. */
export async function engineAnswers(engine: Engine, socket: string): Promise<{ facts: EngineFacts | null; findings: Finding[] }> {
  try {
    const facts = await engine.info()
    return { facts, findings: [version(facts), liveRestore(facts), cgroup(facts), kernel(facts), ...security(facts)] }
  } catch (error) {
    const fix = /EACCES/.test(reason(error))
      ? `run this as root, or: usermod -aG docker $USER`
      : `systemctl start docker, or name the socket with --docker (now ${socket})`
    return { facts: null, findings: [fail('engine', reason(error), fix)] }
  }
}

function version({ ServerVersion }: EngineFacts): Finding {
  const major = Number.parseInt(ServerVersion, 10)
  if (major < OLDEST_VERSION) return fail('engine', `Docker ${ServerVersion} is too old`, 'install Docker 23 or newer: https://docs.docker.com/engine/install')
  if (major < GOOD_VERSION)
    return warn('engine', `Docker ${ServerVersion} answers; it gets no security fixes any more`, 'upgrade Docker when nothing is rented')
  return ok('engine', `Docker ${ServerVersion} answers`)
}

function liveRestore({ LiveRestoreEnabled }: EngineFacts): Finding {
  if (LiveRestoreEnabled) return ok('live-restore', 'containers outlive a restart of the engine')
  return fail(
    'live-restore',
    'a restart of the engine would end every rental',
    'put {"live-restore": true} into /etc/docker/daemon.json, then: systemctl reload docker',
  )
}

function cgroup({ CgroupVersion = '?', CgroupDriver = '?' }: EngineFacts): Finding {
  if (CgroupDriver === 'none') return fail('cgroup', 'the engine cannot bound memory and processes', 'run the engine as root')
  return ok('cgroup', `version ${CgroupVersion}, driver ${CgroupDriver}`)
}

function kernel({ KernelVersion = '' }: EngineFacts): Finding {
  const [major = 0, minor = 0] = KernelVersion.split('.').map((n) => Number.parseInt(n, 10))
  const old = major < GOOD_KERNEL[0] || (major === GOOD_KERNEL[0] && minor < GOOD_KERNEL[1])
  if (old) return warn('kernel', `${KernelVersion} is old, and tenants share it with the host`, 'upgrade the system to a kernel that gets security fixes')
  return ok('kernel', KernelVersion)
}

function security({ SecurityOptions }: EngineFacts): Finding[] {
  const has = (name: string) => (SecurityOptions ?? []).some((option) => option.startsWith(`name=${name}`))
  return [
    has('seccomp')
      ? ok('seccomp', 'the filter of system calls is on')
      : fail(
          'seccomp',
          'containers may use every system call',
          'use a kernel with CONFIG_SECCOMP, and no seccomp-profile "unconfined" in /etc/docker/daemon.json',
        ),
    has('userns')
      ? ok('userns', 'root in a container is nobody on the host')
      : warn(
          'userns',
          'root in a container is root on the host, less its capabilities',
          'put {"userns-remap": "default"} into /etc/docker/daemon.json before renting out (images are pulled again)',
        ),
    has('apparmor') || has('selinux')
      ? ok('apparmor', 'a second fence around containers is on')
      : warn('apparmor', 'neither AppArmor nor SELinux fences containers in', 'apt-get install apparmor, then: systemctl restart docker'),
  ]
}

/** Whether what is rented out is here, and may be. */
export async function images(engine: Engine, allowed: readonly string[] | null): Promise<{ here: string[]; findings: Finding[] }> {
  if (!allowed) return { here: [], findings: [warn('images', 'no image is allowed yet', 'name them with --images')] }
  const seen = await Promise.all(allowed.map(async (reference) => ({ reference, image: await engine.image(reference) })))
  const here = seen.filter((i) => i.image !== null).map((i) => i.reference)
  return { here, findings: seen.map(({ reference, image }) => imageFinding(reference, image, here.length > 0)) }
}

function imageFinding(reference: string, image: Image | null, others: boolean): Finding {
  if (!image) return (others ? warn : fail)('images', `${reference} is not here: its first tenant waits for the pull`, `docker pull ${reference}`)
  const { volumes, digests } = image
  if (volumes.length > 0)
    return fail(
      'images',
      `${reference} declares volumes (${volumes.join(', ')}), which nothing bounds: no tenant gets it`,
      'build it again without VOLUME, or take it off --images',
    )
  const digest = digests[0]
  return ok('images', `${reference} is here${digest ? `, ${digest.slice(digest.indexOf('@') + 1, digest.indexOf('@') + 20)}…` : ', made on this host'}`)
}
