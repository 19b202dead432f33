import { pbkdf2Sync } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import { encodeHotkey } from '../../../schema/index.ts'

export type Hotkey = { address: string; /** 64 bytes as @scure/sr25519 takes them. */ secret: Uint8Array }

/** Substrate's BIP39: the seed comes from the entropy, not, as elsewhere, from the words. Throws for words that are no phrase. */
export function seedFromPhrase(phrase: string): Uint8Array {
  const entropy = mnemonicToEntropy(phrase.trim().split(/\s+/).join(' '), wordlist)
  return new Uint8Array(pbkdf2Sync(entropy, 'mnemonic', 2048, 64, 'sha512')).subarray(0, 32)
}

function hotkeyOf(secret: Uint8Array): Hotkey {
  return { secret, address: encodeHotkey(getPublicKey(secret)) }
}

export function hotkeyFromSeed(seed: Uint8Array): Hotkey {
  return hotkeyOf(secretFromSeed(seed))
}

export function hotkeyFromPhrase(phrase: string): Hotkey {
  return hotkeyFromSeed(seedFromPhrase(phrase))
}

/**
 * The key of a stored private key: a scalar and a nonce, 32 bytes each. Bittensor writes the scalar itself (schnorrkel's canonical
 * bytes), polkadot.js eight times it (the ed25519 form, which @scure/sr25519 takes too). Both look alike, so the address decides.
 * @returns null: neither form is the key of this address
 */
export function hotkeyFromPrivateKey(bytes: Uint8Array, address: string): Hotkey | null {
  const stored = bytesToNumberLE(bytes.subarray(0, 32))
  for (const scalar of [stored, stored >> 3n]) {
    if (scalar === 0n || scalar >= ed25519.Point.Fn.ORDER) continue
    const hotkey = hotkeyOf(Uint8Array.from([...numberToBytesLE(scalar << 3n, 32), ...bytes.subarray(32, 64)]))
    if (hotkey.address === address) return hotkey
  }
  return null
}
