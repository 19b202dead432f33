import { errno, Mistake, reason } from '../mistake.ts'
import { Damaged, type Scheme, schemeOf } from './encrypted.ts'
import { type Environment, howToSet, passwordFrom, passwordVariables } from './password.ts'
import type { Ask } from './prompt.ts'

const TRIES = 3

async function open(path: string, scheme: Scheme, file: Buffer, password: string): Promise<string | null> {
  try {
    return (await scheme.open(file, Buffer.from(password)))?.toString() ?? null
  } catch (error) {
    if (error instanceof Damaged) throw new Mistake(`${path} is damaged (${scheme.name}: ${error.message}): restore it from a backup`, error)
    // Deriving a key fails for want of memory alone.
    if (errno(error)) throw new Mistake(`${path} cannot be opened, which takes 512 MB of memory (${reason(error)}): free some`, error)
    throw error
  }
}

/**
 * The text of a key file. An encrypted one is opened with the password in the environment, else with one typed at the terminal.
 * @param ask null: nobody is there to ask
 * @throws Mistake naming the variable to set, or what is wrong with the password or the file
 */
export async function unlock(path: string, file: Buffer, env: Environment, ask: Ask | null): Promise<string> {
  const scheme = schemeOf(file)
  if (!scheme) return file.toString()
  const given = passwordFrom(env, path)
  if (given) {
    const text = await open(path, scheme, file, given.password)
    if (text === null) throw new Mistake(`the password in ${given.variable} does not open ${path}. ${howToSet(path, given.variable)}`)
    return text
  }
  if (!ask)
    throw new Mistake(
      `${path} is encrypted (${scheme.name}), and there is no terminal to ask for its password: put that into ${passwordVariables(path).at(-1)}, or make the hotkey without one (btcli wallet new-hotkey --no-use-password). ${howToSet(path)}`,
    )
  for (let tries = 1; tries <= TRIES; tries++) {
    const typed = await ask(`${tries === 1 ? '' : 'That was not it. '}Password of ${path}: `)
    const text = await open(path, scheme, file, typed.trim()) // as the official tools do, also when they encrypt
    if (text !== null) return text
  }
  throw new Mistake(`${path} was not opened: ${TRIES} wrong passwords, or the file was changed after it was written`)
}
