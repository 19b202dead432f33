import { z } from '@hono/zod-openapi'
import { invalid } from '../../schema/problem.ts'
import { WAIT_S } from '../../schema/protocol.ts'

/** The header that says how long to wait for the fact. */
export const prefer = (otherwise: number) =>
  z.object({
    prefer: z
      .string()
      .optional()
      .meta({ description: `\`wait=N\`: seconds to wait, ${otherwise} unless given, ${WAIT_S.max} at most` }),
  })

/** Seconds a client wants to wait. Throws `invalid_request` for a wait nobody could mean. */
export function seconds(header: string | undefined, otherwise: number): number {
  const given = /(?:^|[,;\s])wait=([^,;\s]*)/i.exec(header ?? '')?.[1]
  if (given === undefined) return otherwise
  if (!/^\d{1,6}$/.test(given)) throw invalid('Prefer', `wait=N takes whole seconds, 0 to ${WAIT_S.max}`)
  return Math.min(Number(given), WAIT_S.max)
}
