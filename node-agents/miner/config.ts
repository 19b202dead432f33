import * as z from 'zod'
import { commonSettings, type Resolved } from '../core/common-settings.ts'
import { optional } from '../core/parsers.ts'
import { setting, type Values } from '../core/settings.ts'
import { ENGINE } from './settings/engine.ts'
import { OFFER } from './settings/offer.ts'
import { CHAIN } from './settings/chain.ts'
import { PLACE } from './settings/place.ts'

const { chain, netuid, metrics, logLevel, ...common } = commonSettings('miner')

export const SETTINGS = {
  ...common,
  ...PLACE,
  ...OFFER,
  ...ENGINE,
  reconnectJitterMs: setting({
    flag: '--reconnect-jitter-ms',
    value: '<ms>',
    env: 'COMPUTE_RECONNECT_JITTER_MS',
    default: '60000',
    help: 'Spread of reconnects after the edge dropped its sockets',
    parse: z
      .string()
      .pipe(z.string().regex(/^[0-9]{1,6}$/, 'milliseconds, 0 to 999999'))
      .transform(Number),
  }),
  chain,
  netuid,
  ...CHAIN,
  metrics,
  logLevel,
}

/** For a look at a host that no agent needs to run on yet. */
export const CHECK_SETTINGS = { ...SETTINGS, edge: optional(SETTINGS.edge), address: optional(SETTINGS.address), images: optional(SETTINGS.images) }

/** Everything a miner agent needs to know, resolved once. Makes a good argument for an agent started in-process. */
export type MinerConfig = Resolved<Values<typeof SETTINGS>>
export type CheckConfig = Resolved<Values<typeof CHECK_SETTINGS>>
