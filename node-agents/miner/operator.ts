import * as z from 'zod'
import { Mistake } from '../core/mistake.ts'
import type { Routes } from '../core/socket.ts'
import type { Key } from './key.ts'
import type { AgentStatus } from './status.ts'

/** What the operator of this host may ask of a running agent. */
export type Operator = {
  status(): AgentStatus
  /** Lets unexplained containers go. @returns those it was about */
  confirm(keys: Key[]): Key[]
}

const key = z.custom<Key>((v) => typeof v === 'string' && /^al_[0-9a-z]{26}\/[1-9][0-9]*$/.test(v), 'an allocation and its incarnation, such as al_01k…/1')
const confirmInput = z.strictObject({ keys: z.array(key).min(1).max(256) })
export const confirmed = z.object({ keys: z.array(key) })

/** The operator's questions at the control socket. */
export function routesOf(operator: Operator): Routes {
  return {
    'GET /status': () => operator.status(),
    'POST /confirm': (body) => {
      const input = confirmInput.safeParse(body)
      if (!input.success) throw new Mistake(z.prettifyError(input.error))
      return { keys: operator.confirm(input.data.keys) }
    },
  }
}
