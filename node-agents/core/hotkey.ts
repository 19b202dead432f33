import { randomBytes } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { entropyToMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { getPublicKey } from '@scure/sr25519'
import { errno, Mistake, reason } from './mistake.ts'
import { refuseColdkeyFile, refuseColdkeyOf } from './wallet/coldkey.ts'
import { readKeyFile } from './wallet/keyfile.ts'
import { type Hotkey, hotkeyFromSeed, seedFromPhrase } from './wallet/keys.ts'
import type { Environment } from './wallet/password.ts'
import { type Ask, askHere } from './wallet/prompt.ts'
import { unlock } from './wallet/unlock.ts'

export { type Hotkey, hotkeyFromPhrase, hotkeyFromSeed } from './wallet/keys.ts'

/** Where btcli keeps a hotkey. */
export function hotkeyPath(wallets: string, name: string, hotkey: string): string {
  return join(wallets, name, 'hotkeys', hotkey)
}

/** How to come by the password of an encrypted file, and whom to tell what is not quite right. */
export type Access = {
  /** Where a password may stand. */
  env?: Environment
  /** Null: ask nobody. Left out: at the terminal, if there is one. */
  ask?: Ask | null
  /** Left out: on standard error. */
  warn?: (text: string) => void
}

async function read(path: string, warn: (text: string) => void): Promise<Buffer> {
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      if ((mode & 0o077) !== 0) warn(`others on this host may read ${path}: chmod 600 ${path}`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    const fix = errno(error) === 'ENOENT' ? 'make one with "btcli wallet new-hotkey", or name another with --wallet.name, --wallet.hotkey or --hotkey-file' : ''
    throw new Mistake(`no hotkey at ${path} (${reason(error)})${fix && `: ${fix}`}`, error)
  }
}

/** Reads a standard Bittensor hotkey file, encrypted or not; never a coldkey. Every failure names the file and what to do. */
export async function loadHotkey(path: string, access: Access = {}): Promise<Hotkey> {
  const { env = process.env, ask = askHere(), warn = (text) => process.stderr.write(`warning: ${text}\n`) } = access
  await refuseColdkeyFile(path)
  const hotkey = readKeyFile(path, await unlock(path, await read(path, warn), env, ask))
  await refuseColdkeyOf(path, hotkey.address)
  return hotkey
}

/** Makes a new hotkey file in the standard layout, mode 0600, never over an existing one. */
export async function generateHotkey(path: string): Promise<Hotkey> {
  const phrase = entropyToMnemonic(randomBytes(16), wordlist)
  const seed = seedFromPhrase(phrase)
  const hotkey = hotkeyFromSeed(seed)
  const publicKey = `0x${Buffer.from(getPublicKey(hotkey.secret)).toString('hex')}`
  const secretSeed = `0x${Buffer.from(seed).toString('hex')}`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const body = { accountId: publicKey, publicKey, secretPhrase: phrase, secretSeed, ss58Address: hotkey.address }
  await writeFile(path, JSON.stringify(body), { mode: 0o600, flag: 'wx' })
  return hotkey
}
