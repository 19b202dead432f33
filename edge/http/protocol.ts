import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import { newEnough } from '../verbs/register.ts'
import type { Http } from './app.ts'

const spoken = z.object({ protocol: z.number().int(), version: z.string().max(64).catch(''), install: z.string().max(64).catch('') })

/** Behind a signature. Refuses an agent by its protocol alone, before its body is read: today's shapes say nothing about so old a one. */
export const current = createMiddleware<Http>(async (c, next) => {
  const said = spoken.safeParse(await c.req.json().catch(() => null))
  if (said.success) await newEnough(c.get('ctx'), c.get('hotkey'), said.data)
  await next()
})
