import * as z from 'zod'
import { encodeHotkey } from '../../../schema/index.ts'
import { Mistake } from '../mistake.ts'
import { type Hotkey, hotkeyFromPhrase, hotkeyFromPrivateKey, hotkeyFromSeed } from './keys.ts'

const SR25519 = 1
const hex = (bytes: number) => z.string().regex(new RegExp(`^(0x)?[0-9a-f]{${bytes * 2}}$`, 'i'))
/** The JSON of a Bittensor key file. Unknown fields are ignored: newer SDKs add some. */
const keyFile = z.object({
  secretPhrase: z.string().nullish(),
  secretSeed: z.string().nullish(),
  privateKey: z.string().nullish(),
  publicKey: z.string().nullish(),
  ss58Address: z.string().nullish(),
  cryptoType: z.number().nullish(),
})
type KeyFile = z.infer<typeof keyFile>

const RESTORE = 'restore the file from a backup'

function bytesOf(text: string, length: number): Uint8Array {
  return Buffer.from(hex(length).parse(text).replace(/^0x/, ''), 'hex')
}

/** Early tools wrote no JSON, but the seed or the phrase alone. */
function bare(text: string): KeyFile | null {
  const line = text.trim()
  if (hex(32).safeParse(line).success) return { secretSeed: line }
  return /^[a-z]+(\s+[a-z]+){11,23}$/.test(line) ? { secretPhrase: line } : null
}

function parse(path: string, text: string): KeyFile {
  const legacy = bare(text)
  if (legacy) return legacy
  try {
    const fields = z.record(z.string(), z.unknown()).parse(JSON.parse(text))
    // Early tools wrote " ss58Address".
    return keyFile.parse(Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.trim(), value])))
  } catch {
    // Without its cause, here and below: that cites the text, which may be a secret with a slip in it.
    throw new Mistake(`${path} is not a Bittensor key file (JSON with secretPhrase or secretSeed): copy it again from where the wallet was made`)
  }
}

function fromPrivateKey(path: string, privateKey: string, { ss58Address, publicKey }: KeyFile): Hotkey {
  const address = ss58Address ?? (publicKey ? encodeHotkey(bytesOf(publicKey, 32)) : null)
  if (address === null)
    throw new Mistake(
      `${path} holds only a privateKey, whose form differs between tools, and no address to tell by: regenerate the file from its phrase or seed (btcli wallet regen-hotkey)`,
    )
  const hotkey = hotkeyFromPrivateKey(bytesOf(privateKey, 64), address)
  if (!hotkey) throw new Mistake(`${path} says it is ${address}, but its privateKey makes another: ${RESTORE}`)
  return hotkey
}

function secretOf(path: string, file: KeyFile): Hotkey | null {
  if (file.secretPhrase) return hotkeyFromPhrase(file.secretPhrase)
  if (file.secretSeed) return hotkeyFromSeed(bytesOf(file.secretSeed, 32))
  if (file.privateKey) return fromPrivateKey(path, file.privateKey, file)
  return null
}

/**
 * The key in the text of a Bittensor key file: of its phrase, else its seed, else its private key, as the official tools choose.
 * @throws Mistake naming the file and what to do; never with a secret in it
 */
export function readKeyFile(path: string, text: string): Hotkey {
  const file = parse(path, text)
  if (file.cryptoType != null && file.cryptoType !== SR25519)
    throw new Mistake(`${path} holds a key of crypto type ${file.cryptoType}: Bittensor hotkeys are sr25519 (type 1), make a new one`)
  let hotkey: Hotkey | null
  try {
    hotkey = secretOf(path, file)
  } catch (error) {
    if (error instanceof Mistake) throw error
    const field = file.secretPhrase ? 'secretPhrase' : file.secretSeed ? 'secretSeed' : 'privateKey'
    throw new Mistake(`${path}: its ${field} is not valid: ${RESTORE}`)
  }
  if (!hotkey) throw new Mistake(`${path} holds only a public key: an agent signs, so give it the hotkey file itself, not …pub.txt`)
  if (file.ss58Address && file.ss58Address !== hotkey.address)
    throw new Mistake(`${path} says it is ${file.ss58Address}, but its secret makes ${hotkey.address}: ${RESTORE}`)
  return hotkey
}
