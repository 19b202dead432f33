import { DriverError, type ContainerSpec, type Owner } from '../../core/ports.ts'
import type { CreateOptions } from './client.ts'
import type { Disk } from './disks.ts'
import { labelsOf, nameOf, ownerLabels } from './labels.ts'
import { SSHD } from './sshd.ts'

const MB = 1024 * 1024

/** The first four let sshd log root in; the others make apt, useradd and killing other users' processes work. */
const CAPABILITIES = ['SETUID', 'SETGID', 'SYS_CHROOT', 'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL']

/** Port inside the container. */
const SSH = '22/tcp'

/** Logs are disk too. */
const LOGS = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } }

/** No bound at all is what the engine makes of a zero. @throws DriverError limits_refused */
function checkLimits({ limits }: ContainerSpec): void {
  const missing = (['cpus', 'memory_mb', 'pids'] as const).find((name) => !(limits[name] > 0))
  if (missing) throw new DriverError('limits_refused', `a container needs a bound on ${missing}`)
}

/** By UUID: indexes change over reboots. */
function gpus(spec: ContainerSpec) {
  if (spec.simulated || spec.gpus.length === 0) return []
  return [{ Driver: 'nvidia', Count: 0, DeviceIDs: spec.gpus, Capabilities: [['gpu', 'compute', 'utility']] }]
}

/** Where a container has its disk. */
export const WORK = '/work'

/** A file system behind a device, as the engine mounts it. What is deleted there is given back to the host's disk. @param target path in the container */
export const volumeMount = (disk: Pick<Disk, 'name' | 'device'>, target: string, Labels: Record<string, string>) => ({
  Type: 'volume' as const,
  Source: disk.name,
  Target: target,
  VolumeOptions: { NoCopy: false, Labels, DriverConfig: { Name: 'local', Options: { type: 'ext4', device: disk.device, o: 'discard' } } },
})

/** Where a container stands. `storage`: the engine bounds what it writes. `disk`: its own, at `WORK`. */
export type Place = { port: number; bindAddress: string; network: string; dns: readonly string[]; storage: boolean; disk: Disk | null }

/**
 * What the engine is asked to create. The client's environment is not here: labels, argv and Env can be read by
 * everyone who may talk to the engine.
 * @param place.bindAddress the host's address the SSH port is published at
 * @throws DriverError limits_refused
 */
export function createOptions(owner: Owner, spec: ContainerSpec, { port, bindAddress, network, dns, storage, disk }: Place): CreateOptions {
  checkLimits(spec)
  const deviceRequests = gpus(spec)
  return {
    name: nameOf(spec),
    Image: spec.image,
    Labels: labelsOf(owner, { ...spec, port }),
    User: '0:0',
    Entrypoint: [''],
    Cmd: ['/usr/sbin/sshd', '-D', '-e', '-f', SSHD.config],
    // CUDA images say "all": without a request and with nvidia as default runtime that would be every GPU.
    Env: deviceRequests.length > 0 ? [] : ['NVIDIA_VISIBLE_DEVICES=void'],
    Healthcheck: { Test: ['NONE'] },
    ExposedPorts: { [SSH]: {} },
    HostConfig: {
      NetworkMode: network,
      // The host's own resolver is often a private address, and those are closed.
      Dns: [...dns],
      PortBindings: { [SSH]: [{ HostIp: bindAddress, HostPort: String(port) }] },
      RestartPolicy: { Name: 'no' },
      Init: true,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: spec.limits.pids,
      Memory: spec.limits.memory_mb * MB,
      MemorySwap: spec.limits.memory_mb * MB,
      ShmSize: spec.limits.shm_mb * MB,
      NanoCpus: Math.round(spec.limits.cpus * 1e9),
      LogConfig: LOGS,
      ...(storage && { StorageOpt: { size: `${spec.limits.disk_gb}G` } }),
      ...(disk && { Mounts: [volumeMount(disk, WORK, ownerLabels(owner))] }),
      DeviceRequests: deviceRequests,
    },
  }
}
