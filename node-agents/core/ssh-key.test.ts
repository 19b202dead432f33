import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utils } from 'ssh2'
import { expect, it } from 'vitest'
import { fingerprint, parsePublicKey } from '../../schema/index.ts'
import { generateSshKey } from './ssh-key.ts'

function hasSshKeygen(): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v ssh-keygen'])
    return true
  } catch {
    return false
  }
}

it('makes keys that other SSH software reads as the same key', () => {
  for (const comment of ['', 'al_1', 'longer comment']) {
    const { privateKey, publicKey } = generateSshKey(comment)
    expect(parsePublicKey(publicKey)).toEqual({ ok: true, line: publicKey })
    const parsed = utils.parseKey(privateKey)
    if (parsed instanceof Error) throw parsed
    expect(`${parsed.type} ${parsed.getPublicSSH().toString('base64')}`).toBe(publicKey)
    const signed = parsed.sign(Buffer.from('x'))
    expect(signed).toBeInstanceOf(Buffer)
  }
  expect(generateSshKey('').publicKey).not.toBe(generateSshKey('').publicKey)
})

it.skipIf(!hasSshKeygen())('makes keys that ssh-keygen reads as the same key', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ssh-key-'))
  try {
    const { privateKey, publicKey } = generateSshKey('al_1')
    const path = join(dir, 'key')
    writeFileSync(path, privateKey, { mode: 0o600 })
    const keygen = (...args: string[]) => execFileSync('ssh-keygen', [...args, '-f', path], { encoding: 'utf8' }).trim()
    expect(keygen('-y')).toBe(`${publicKey} al_1`)
    expect(keygen('-l')).toContain(fingerprint(publicKey))
  } finally {
    rmSync(dir, { recursive: true })
  }
})
