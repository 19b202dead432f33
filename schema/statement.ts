import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** What is signed of a content: its digest, under the name of its kind, so that no signature serves for two kinds. */
export function statement(name: string, content: unknown): string {
  return `${name}\n${bytesToHex(sha256(utf8ToBytes(JSON.stringify(content))))}`
}
