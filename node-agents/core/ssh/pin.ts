import { ShellError } from '../ports.ts'

/** What a key of this type may sign with. Of RSA only the signatures over SHA-2. */
const SIGNATURES: Record<string, string[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/** A host key that is believed: its bytes on the wire, and the signatures asked of it. */
export type Pin = { blob: Buffer; signatures: string[] }

/**
 * Reads "type base64". Only signatures of that type are then asked for, so a host cannot show another of its keys.
 * @throws ShellError `wrong_host_key` when no key could ever match it
 */
export function pinOf(hostKey: string): Pin {
  const [type = '', base64 = '', ...rest] = hostKey.split(' ')
  const signatures = Object.hasOwn(SIGNATURES, type) ? SIGNATURES[type] : undefined
  const blob = Buffer.from(base64, 'base64')
  if (!signatures || rest.length > 0 || blob.length === 0 || blob.toString('base64') !== base64)
    throw new ShellError('wrong_host_key', 'the host key to be pinned is not one: "ssh-ed25519 base64" is expected')
  return { blob, signatures }
}
