/** What came is no message of the protocol, or not the one that was due: it says nothing about arithmetic, so it is never a mismatch. */
export class Malformed extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Malformed'
  }
}

/** @throws Malformed when something is not exactly as long as it must be */
export function checkLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new Malformed(`${what} of ${bytes.length} bytes instead of ${length}`)
}
