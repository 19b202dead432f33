import { randomBytes, pbkdf2Sync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import * as z from 'zod'
import { encodeHotkey } from '../../schema/index.ts'
import { errno, Mistake, reason } from './mistake.ts'

export type Hotkey = { address: string; /** 64 bytes as @scure/sr25519 takes them. */ secret: Uint8Array }

const SR25519 = 1
const hex32 = z.string().regex(/^(0x)?[0-9a-f]{64}$/i)
/** The JSON of a Bittensor key file. Unknown fields are ignored: newer SDKs add some. */
const keyFile = z.object({
  secretPhrase: z.string().nullish(),
  secretSeed: z.string().nullish(),
  privateKey: z.string().nullish(),
  ss58Address: z.string().nullish(),
  cryptoType: z.number().nullish(),
})
type KeyFile = z.infer<typeof keyFile>

/** Substrate's BIP39: the seed comes from the entropy, not, as elsewhere, from the words. */
function seedFromPhrase(phrase: string): Uint8Array {
  const entropy = mnemonicToEntropy(phrase.trim().split(/\s+/).join(' '), wordlist)
  return new Uint8Array(pbkdf2Sync(entropy, 'mnemonic', 2048, 64, 'sha512')).subarray(0, 32)
}

export function hotkeyFromSeed(seed: Uint8Array): Hotkey {
  const secret = secretFromSeed(seed)
  return { secret, address: encodeHotkey(getPublicKey(secret)) }
}

export function hotkeyFromPhrase(phrase: string): Hotkey {
  return hotkeyFromSeed(seedFromPhrase(phrase))
}

/** Where btcli keeps a hotkey. */
export function hotkeyPath(wallets: string, name: string, hotkey: string): string {
  return join(wallets, name, 'hotkeys', hotkey)
}

function parse(path: string, text: string): KeyFile {
  if (/^(\$NACL|\$ANSIBLE_VAULT|gAAAAA)/.test(text))
    throw new Mistake(`${path} is encrypted. An agent must start unattended: make its hotkey without a password (btcli wallet new-hotkey --no-use-password)`)
  try {
    return keyFile.parse(JSON.parse(text))
  } catch (error) {
    throw new Mistake(`${path} is not a Bittensor key file (JSON with secretPhrase or secretSeed): copy it again from where the wallet was made`, error)
  }
}

function unlock(path: string, file: KeyFile): Hotkey {
  if (file.cryptoType != null && file.cryptoType !== SR25519)
    throw new Mistake(`${path} holds a key of crypto type ${file.cryptoType}: Bittensor hotkeys are sr25519 (type 1), make a new one`)
  try {
    if (file.secretPhrase) return hotkeyFromPhrase(file.secretPhrase)
    if (file.secretSeed) return hotkeyFromSeed(Buffer.from(hex32.parse(file.secretSeed).replace(/^0x/, ''), 'hex'))
  } catch (error) {
    throw new Mistake(`${path}: its ${file.secretPhrase ? 'secretPhrase' : 'secretSeed'} is not valid: restore the file from a backup`, error)
  }
  if (file.privateKey)
    throw new Mistake(
      `${path} holds only a privateKey, whose form differs between tools: regenerate the file from its phrase or seed (btcli wallet regen-hotkey)`,
    )
  throw new Mistake(`${path} holds only a public key: an agent signs, so give it the hotkey file itself, not …pub.txt`)
}

/** Reads a standard Bittensor hotkey file. Every failure names the file and what to do. */
export async function loadHotkey(path: string): Promise<Hotkey> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const fix = errno(error) === 'ENOENT' ? 'make one with "btcli wallet new-hotkey", or name another with --wallet.name, --wallet.hotkey or --hotkey-file' : ''
    throw new Mistake(`no hotkey at ${path} (${reason(error)})${fix && `: ${fix}`}`, error)
  }
  const file = parse(path, text)
  const hotkey = unlock(path, file)
  if (file.ss58Address && file.ss58Address !== hotkey.address)
    throw new Mistake(`${path} says it is ${file.ss58Address}, but its secret makes ${hotkey.address}: restore the file from a backup`)
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
