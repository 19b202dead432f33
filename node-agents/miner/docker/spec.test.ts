import { describe, expect, test } from 'vitest'
import type { ContainerSpec } from '../../core/ports.ts'
import { createOptions } from './spec.ts'

const owner = { edge: 'e', hotkey: 'h', install: 'i' }
const spec: ContainerSpec = {
  allocation: 'al_1',
  incarnation: 2,
  gpus: ['GPU-a'],
  hostKey: 'ssh-ed25519 AAAA',
  trace: 't',
  ports: [20001, 20002],
  image: 'example/workspace:1',
  limits: { cpus: 1.5, memory_mb: 1024, shm_mb: 512, disk_gb: 10, pids: 4096 },
  env: { SECRET: 'hunter2' },
  authorizedKeys: ['ssh-ed25519 BBBB'],
  hostPrivateKey: 'PRIVATE',
  simulated: false,
}
const place = { port: 20002, bindAddress: '192.0.2.1', network: 'compute0a1b2c3d', dns: ['9.9.9.9'], storage: false, disk: null }
const made = (over: Partial<ContainerSpec> = {}) => createOptions(owner, { ...spec, ...over }, place)

describe('createOptions', () => {
  test('walls', () => {
    expect(made().HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      CapAdd: ['SETUID', 'SETGID', 'SYS_CHROOT', 'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 4096,
      Memory: 1024 * 2 ** 20,
      MemorySwap: 1024 * 2 ** 20,
      ShmSize: 512 * 2 ** 20,
      NanoCpus: 1.5e9,
      Init: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    })
    for (const hole of ['Privileged', 'Binds', 'Mounts', 'Devices', 'StorageOpt', 'PidMode', 'VolumesFrom']) expect(made().HostConfig).not.toHaveProperty(hole)
  })

  test('one name for an incarnation, an absolute command, nothing of the entrypoint of the image', () => {
    expect(made()).toMatchObject({
      name: 'compute-al_1-2',
      Image: 'example/workspace:1',
      User: '0:0',
      Entrypoint: [''],
      Cmd: ['/usr/sbin/sshd', '-D', '-e', '-f', '/etc/compute/sshd_config'],
    })
  })

  test('publishes at the one address and port it was given', () => {
    expect(made().HostConfig?.PortBindings).toEqual({ '22/tcp': [{ HostIp: '192.0.2.1', HostPort: '20002' }] })
    expect(made().Labels?.['compute.port']).toBe('20002')
  })

  test.each<[string, Partial<ContainerSpec>, string[][], string[]]>([
    ['its GPUs by UUID', {}, [['GPU-a']], []],
    ['no device and no GPU variable of the image when simulated', { simulated: true }, [], ['NVIDIA_VISIBLE_DEVICES=void']],
    ['nor without GPUs', { gpus: [] }, [], ['NVIDIA_VISIBLE_DEVICES=void']],
  ])('gives %s', (_, over, devices, env) => {
    const options = made(over)
    expect(options.HostConfig?.DeviceRequests?.map((request) => request.DeviceIDs)).toEqual(devices)
    expect(options.Env).toEqual(env)
  })

  test('stands on its own network, asks public resolvers, and has a quota where the engine keeps one', () => {
    expect(made().HostConfig).toMatchObject({ NetworkMode: 'compute0a1b2c3d', Dns: ['9.9.9.9'] })
    expect(createOptions(owner, spec, { ...place, storage: true }).HostConfig?.StorageOpt).toEqual({ size: '10G' })
  })

  test('no secret stands where users of the engine can read it', () => {
    expect(JSON.stringify(made())).not.toMatch(/hunter2|PRIVATE|BBBB/)
  })

  test.each([{ memory_mb: 0 }, { pids: 0 }, { cpus: 0 }, { cpus: Number.NaN }])('refuses %o: the engine would take it for boundless', (none) => {
    expect(() => made({ limits: { ...spec.limits, ...none } })).toThrow(expect.objectContaining({ code: 'limits_refused' }))
  })
})
