import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import * as z from 'zod'
import type { Setting } from './settings.ts'

/** Kinds of values that settings of several agents have. */

/** A missing value is null; a present one goes through `inner`, and fails with its message. */
export const maybe = <T>(inner: z.ZodType<T, string>) =>
  z
    .string()
    .optional()
    .transform((text, ctx): T | null => {
      if (text === undefined) return null
      const parsed = inner.safeParse(text)
      if (parsed.success) return parsed.data
      for (const { message } of parsed.error.issues) ctx.addIssue({ code: 'custom', message })
      return z.NEVER
    })

/** The same setting where nothing depends on it: null when it is not given. */
export function optional<T>(s: Setting<T>): Setting<T | null> {
  return { ...s, parse: maybe(s.parse as z.ZodType<T, string>) }
}

export const positive = z
  .string()
  .regex(/^[1-9][0-9]{0,8}(\.[0-9]+)?$/, 'a number above 0')
  .transform(Number)

/** A path, where "~" is the home of whoever runs the agent. */
export const path = z.string().transform((text) => resolve(text.replace(/^~(?=\/|$)/, homedir())))

/** Where metrics are served: one address, because a wildcard would show them to every tenant's bridge. */
export const metricsAddress = z.string().transform((text, ctx): { host: string; port: number } => {
  const { host, port = '' } = /^(?:(?<host>.+):)?(?<port>[0-9]{1,5})$/.exec(text.trim())?.groups ?? {}
  const ip = host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1'
  const refuse = (message: string) => {
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  if (isIP(ip) === 0 || port === '' || Number(port) > 65_535) return refuse('an IP address of this host and a port, such as 127.0.0.1:9101')
  if (/^[0:.]+$/.test(ip)) return refuse('name one address: at all of them, tenants could read it too')
  return { host: ip, port: Number(port) }
})
