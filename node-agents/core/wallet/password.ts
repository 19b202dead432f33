import { resolve } from 'node:path'
import { Mistake } from '../mistake.ts'

/** Where a process finds things by name; `process.env` is one. */
export type Environment = Record<string, string | undefined>

/**
 * Names under which the password of a key file may stand in the environment: the official tools' own, of the path as given and of the
 * whole path, and last one that every shell and service manager can set (theirs keep characters such as "-").
 */
export function passwordVariables(path: string): [string, ...string[]] {
  const official = (p: string) => `BT_PW_${p.replace(/[/.]/g, '_').toUpperCase()}`
  const whole = official(resolve(path))
  return [official(path), whole, settable(whole)]
}

function settable(variable: string): string {
  return variable.replace(/[^A-Z0-9_]/g, '_')
}

function xor(bytes: Uint8Array, variable: string): Buffer {
  const key = Buffer.from(variable)
  return Buffer.from(bytes.map((byte, i) => byte ^ (key[i % key.length] ?? 0)))
}

/** The value of the variable for a password, as the official tools write it. It hides nothing from anybody who means to look. */
export function hidePassword(password: string, variable: string): string {
  return xor(Buffer.from(password), variable).toString('base64')
}

/** The password for this file out of the environment; null: there is none. */
export function passwordFrom(env: Environment, path: string): { variable: string; password: string } | null {
  for (const variable of passwordVariables(path)) {
    const value = env[variable]
    if (value === undefined) continue
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) throw new Mistake(`${variable} is not base64. ${howToSet(path, variable)}`)
    return { variable, password: xor(Buffer.from(value, 'base64'), variable).toString() }
  }
  return null
}

/** What to tell who has to set the variable: a line for the shell that asks for the password and shows nothing of it. */
export function howToSet(path: string, variable = passwordVariables(path).at(-1) ?? ''): string {
  const script = `import base64,getpass,itertools as i;print(base64.b64encode(bytes(a^b for a,b in zip(getpass.getpass().strip().encode(),i.cycle(b"${variable}")))).decode())`
  return `Set it by\n  export ${variable}=$(python3 -c '${script}')`
}
