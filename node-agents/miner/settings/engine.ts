import * as z from 'zod'
import { maybe, positive } from '../../core/parsers.ts'
import { setting } from '../../core/settings.ts'

/** The container engine, and what tenants get of its disk and network. */
export const ENGINE = {
  disk: setting({
    flag: '--disk',
    value: '<auto|volume|shared>',
    env: 'COMPUTE_DISK',
    default: 'auto',
    help: 'What bounds what a container writes: auto (quotas of the engine, else a disk of its own at /work, else nothing), volume, shared',
    parse: z.string().pipe(z.enum(['auto', 'volume', 'shared'], 'auto, volume or shared')),
  }),
  diskReserveGb: setting({
    flag: '--disk-reserve-gb',
    value: '<n>',
    env: 'COMPUTE_DISK_RESERVE_GB',
    default: null,
    help: "GB of the engine's disk that tenants may not fill; default: 10 % of it, at most 20",
    parse: maybe(positive),
  }),
  networks: setting({
    flag: '--networks',
    value: '<cidr>',
    env: 'COMPUTE_NETWORKS',
    default: '198.18.0.0/15',
    help: 'Private addresses to take the networks of containers from, eight for each',
    parse: z.string().pipe(z.cidrv4('a range of IPv4 addresses, such as 198.18.0.0/15')),
  }),
  dns: setting({
    flag: '--dns',
    value: '<a,b>',
    env: 'COMPUTE_DNS',
    default: '1.1.1.1,8.8.8.8',
    help: 'Public resolvers for containers; private ones are closed to them',
    parse: z
      .string()
      .transform((s) => s.split(',').map((i) => i.trim()))
      .pipe(z.array(z.ipv4('IPv4 addresses, separated by commas')).min(1).max(3)),
  }),
  docker: setting({
    flag: '--docker',
    value: '<socket>',
    env: 'DOCKER_HOST',
    default: 'unix:///var/run/docker.sock',
    help: 'Socket of the Docker Engine',
    parse: z
      .string()
      .pipe(z.string().regex(/^(unix:\/\/)?\/.+/, 'the path of a Unix socket, such as unix:///var/run/docker.sock'))
      .transform((s) => s.replace(/^unix:\/\//, '')),
  }),
  missingAfterS: setting({
    flag: '--missing-after',
    value: '<seconds>',
    env: 'COMPUTE_MISSING_AFTER',
    default: '120',
    help: 'A rented container that the engine does not show for this long is lost',
    parse: z.string().pipe(positive),
  }),
}
