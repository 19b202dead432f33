import { access, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errno, Mistake } from '../mistake.ts'

/**
 * A coldkey owns the money. Agents sign with hotkeys alone, and a coldkey on the machine that rents itself out to strangers is one
 * break-in away from being spent, so no agent opens one, whatever it is told.
 */
const WHY = 'A coldkey must never lie on the machine of an agent: keep it elsewhere, and give the agent a hotkey (wallets/NAME/hotkeys/HOTKEY)'

const publicHalf = (folder: string) => join(folder, 'coldkeypub.txt')

/** By where a file lies: a wallet's folder holds its coldkey, and the hotkeys in a folder of their own. Links are followed. */
export async function refuseColdkeyFile(path: string): Promise<void> {
  for (const file of [path, await targetOf(path)]) {
    if (/^coldkey/i.test(basename(file)) || (await isThere(publicHalf(dirname(file))))) throw new Mistake(`${path} is a coldkey. ${WHY}`)
  }
}

async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    return path // there is no such file, or none that we may see: who reads it says that better
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // or not for us to see, which then is said of the hotkey too
  }
}

/** Empty for a wallet that came without it, or hides it from the agent's user: neither is a reason to refuse its hotkey. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(errno(error) ?? '')) return ''
    throw error
  }
}

/** By the key: that of the wallet in whose `hotkeys` folder the file lies. */
export async function refuseColdkeyOf(path: string, address: string): Promise<void> {
  const pub = publicHalf(dirname(dirname(await targetOf(path))))
  if ((await textOf(pub)).includes(address)) throw new Mistake(`${path} holds the coldkey of ${pub}. ${WHY}`)
}
