import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import { encodeHotkey, signRequest } from '../../schema/index.ts'

/** Signs the requests of btauth.json anew, with our signer, and prints one a line: input for `btauth.py verify`. */
type Vectors = { seed: string; receiver: string; requests: { name: string; method: string; target: string; body: string; nonce: string }[] }
const vectors: Vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'btauth.json'), 'utf8'))

const secret = secretFromSeed(Buffer.from(vectors.seed.slice(2), 'hex'))
const hotkey = encodeHotkey(getPublicKey(secret))
const { receiver } = vectors

for (const { name, method, target, body, nonce } of vectors.requests) {
  const headers = signRequest(secret, { method, target, body: Buffer.from(body, 'base64'), nonce, sender: hotkey, receiver })
  console.log(JSON.stringify({ name, method, target, body, nonce, hotkey, receiver, headers }))
}
