import { isIP } from 'node:net'
import * as z from 'zod'
import { maybe } from '../../core/parsers.ts'
import { setting } from '../../core/settings.ts'

/** What this host announces on chain. Nothing listens there: it shows the subnet that a miner is here, and which version it is. */
export const CHAIN = {
  axonIp: setting({
    flag: '--axon-ip',
    value: '<ip>',
    env: 'COMPUTE_AXON_IP',
    default: null,
    help: 'IP address to announce on chain; default: --address, or what its name leads to',
    parse: maybe(z.string().refine((s) => isIP(s) !== 0, 'an IP address, such as 203.0.113.7')),
  }),
  axonPort: setting({
    flag: '--axon-port',
    value: '<port>',
    env: 'COMPUTE_AXON_PORT',
    default: '8091',
    help: 'Port to announce on chain; nothing has to listen there',
    parse: z
      .string()
      .pipe(z.string().regex(/^[1-9][0-9]{0,4}$/, 'a port from 1 to 65535'))
      .transform(Number)
      .pipe(z.number().max(65_535, 'a port from 1 to 65535')),
  }),
}
