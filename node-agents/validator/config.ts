import * as z from 'zod'
import type { Network } from '../core/chain/networks.ts'
import { commonSettings, type Resolved, toConfig } from '../core/common-settings.ts'
import { Mistake } from '../core/mistake.ts'
import { setting, type Values } from '../core/settings.ts'
import { ANNOUNCED, PROOFS, RULES } from './settings.ts'

const common = commonSettings('validator')

export const SETTINGS = {
  ...common,
  chain: setting({
    ...common.chain,
    value: '<network|url,…>',
    help: 'Chain the subnet is on: finney, test, archive, local, or WebSocket URLs to try in turn',
    parse: common.chain.parse.transform((network, ctx): Network => {
      if (network) return network
      ctx.addIssue({ code: 'custom', message: 'a validator reads from the chain what it says of the subnet: name one' })
      return z.NEVER
    }),
  }),
  ...RULES,
  ...PROOFS,
  ...ANNOUNCED,
}

/** Everything a validator needs to know, resolved once. */
export type ValidatorConfig = Resolved<Values<typeof SETTINGS>>

/** Throws a `Mistake` for flags that mean nothing together. */
export function validatorConfig(values: Values<typeof SETTINGS>): ValidatorConfig {
  if (values.prometheusPort !== null && values.prometheusIp === null)
    throw new Mistake('--prometheus-port alone announces nothing: give the address with --prometheus-ip, or leave it out')
  return toConfig(values)
}
