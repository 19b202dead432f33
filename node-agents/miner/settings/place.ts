import { isIP } from 'node:net'
import * as z from 'zod'
import { hostName } from '../../../schema/index.ts'
import { setting } from '../../core/settings.ts'
import { portRange } from '../ports-range.ts'

const bindAddress = z.string().refine((s) => isIP(s) !== 0, 'an IP address of this host, such as 0.0.0.0')

/** Where this host is reached. */
export const PLACE = {
  address: setting({
    flag: '--address',
    value: '<host>',
    env: 'COMPUTE_ADDRESS',
    default: null,
    help: 'Host name or IP address at which clients reach this host',
    parse: z.string({ error: 'say at which host name or IP address clients reach this host' }).pipe(hostName),
  }),
  bind: setting({
    flag: '--bind',
    value: '<ip>',
    env: 'COMPUTE_BIND',
    default: '0.0.0.0',
    help: 'Address of this host that SSH ports are opened at',
    parse: z.string().pipe(bindAddress),
  }),
  ports: setting({
    flag: '--ports',
    value: '<first-last>',
    env: 'COMPUTE_PORTS',
    default: '20000-29999',
    help: 'Ports for SSH, open to the outside',
    parse: z.string().pipe(portRange),
  }),
}
