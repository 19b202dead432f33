import { argon2, createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'

/**
 * The three ways in which Bittensor's tools have encrypted key files, each known by how the file begins. All of them authenticate,
 * so a wrong password never passes for a right one. Keys are derived off the event loop: that takes seconds.
 */
export type Scheme = {
  name: string
  prefix: string
  /** @returns null: another password, or bytes that were changed @throws Damaged */
  open(file: Buffer, password: Buffer): Promise<Buffer | null>
}

/** The file cannot be of its scheme, whatever the password. */
export class Damaged extends Error {}

const argon2Async = promisify(argon2)
const pbkdf2Async = promisify(pbkdf2)

/** The same for every wallet. Source: `NACL_SALT` of bittensor-wallet. */
const NACL_SALT = Buffer.from('137183dff15a09bc9c90b5518739e9b1', 'hex')
/** libsodium's SENSITIVE limits for argon2i13. */
const NACL_COST = { passes: 8, memory: 512 * 1024, parallelism: 1 }

async function openNacl(file: Buffer, password: Buffer): Promise<Buffer | null> {
  const box = file.subarray('$NACL'.length)
  if (box.length < 24 + 16) throw new Damaged('it ends too early')
  const key = await argon2Async('argon2i', { message: password, nonce: NACL_SALT, tagLength: 32, ...NACL_COST })
  try {
    return Buffer.from(xsalsa20poly1305(key, box.subarray(0, 24)).decrypt(box.subarray(24)))
  } catch {
    return null // the library's only other failure is a box that is too short
  }
}

function hexLine(text: string): Buffer {
  if (!/^([0-9a-f]{2})+$/i.test(text)) throw new Damaged('a part of it is not hexadecimal')
  return Buffer.from(text, 'hex')
}

/** Ansible Vault 1.1 and 1.2: https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html */
async function openVault(file: Buffer, password: Buffer): Promise<Buffer | null> {
  const [header = '', ...lines] = file.toString('latin1').split(/\r?\n/)
  if (!/^\$ANSIBLE_VAULT;1\.[12];AES256(;|\s*$)/.test(header))
    throw new Damaged(`it begins with ${JSON.stringify(header.slice(0, 40))}, not version 1.1 with AES256`)
  const parts = hexLine(lines.join('').replace(/\s/g, '')).toString('latin1').split('\n').map(hexLine)
  const [salt, mac, text] = parts
  if (!salt || mac?.length !== 32 || !text || parts.length !== 3) throw new Damaged('it does not have three parts')
  const derived = await pbkdf2Async(password, salt, 10_000, 80, 'sha256')
  const right = createHmac('sha256', derived.subarray(32, 64)).update(text).digest()
  if (!timingSafeEqual(right, mac)) return null
  const cipher = createDecipheriv('aes-256-ctr', derived.subarray(0, 32), derived.subarray(64, 80))
  const padded = Buffer.concat([cipher.update(text), cipher.final()])
  return padded.subarray(0, padded.length - (padded.at(-1) ?? 0))
}

/** The same for every wallet. Source: `LEGACY_SALT` of bittensor-wallet. */
const FERNET_SALT = 'Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins'

/** https://github.com/fernet/spec: 0x80, 8 bytes of time, 16 of IV, AES-128-CBC, 32 of HMAC. */
async function openFernet(file: Buffer, password: Buffer): Promise<Buffer | null> {
  const text = file.toString('latin1').trim()
  if (!/^[\w-]+={0,2}$/.test(text)) throw new Damaged('it is not base64')
  const token = Buffer.from(text, 'base64url')
  const body = token.subarray(25, -32)
  if (token[0] !== 0x80 || body.length === 0 || body.length % 16 !== 0) throw new Damaged('its length is wrong')
  const key = await pbkdf2Async(password, FERNET_SALT, 10_000_000, 32, 'sha256')
  const right = createHmac('sha256', key.subarray(0, 16)).update(token.subarray(0, -32)).digest()
  if (!timingSafeEqual(right, token.subarray(-32))) return null
  const cipher = createDecipheriv('aes-128-cbc', key.subarray(16), token.subarray(9, 25))
  return Buffer.concat([cipher.update(body), cipher.final()])
}

const SCHEMES: Scheme[] = [
  { name: 'NaCl', prefix: '$NACL', open: openNacl },
  { name: 'Ansible Vault', prefix: '$ANSIBLE_VAULT', open: openVault },
  { name: 'Fernet', prefix: 'gAAAAA', open: openFernet },
]

/** How a file is encrypted; null: it is not. */
export function schemeOf(file: Buffer): Scheme | null {
  return SCHEMES.find(({ prefix }) => file.subarray(0, prefix.length).equals(Buffer.from(prefix))) ?? null
}
