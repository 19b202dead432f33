import { env as envSchema, parsePublicKey } from '../../schema/index.ts'
import { DriverError, type ContainerSpec } from '../core/ports.ts'

/** What a client brings into a container: text of an authorized_keys file, and variables of its sessions. */
export type Access = { keys: string; env: Record<string, string> }

/** One "type base64" line per key; options and comments cannot come along. */
function keysFile(keys: string[]): string {
  const lines = keys.map((key) => {
    const parsed = parsePublicKey(key)
    if (!parsed.ok) throw new DriverError('unsupported', parsed.message)
    return parsed.line
  })
  return lines.map((line) => `${line}\n`).join('')
}

function variables(env: Record<string, string>): Record<string, string> {
  const checked = envSchema.safeParse(env)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw new DriverError('unsupported', `environment variable ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not acceptable'}`)
}

/** Holds what a client brings to the rules of the edge once more: an edge that goes bad changes nothing. @throws DriverError unsupported */
export const accessOf = (spec: Pick<ContainerSpec, 'authorizedKeys' | 'env'>): Access => ({ keys: keysFile(spec.authorizedKeys), env: variables(spec.env) })
