/** Something the operator can put right: shown without a stack, ends the process with code 2. The message says how. */
export class Mistake extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Mistake'
  }
}

/** The text of anything thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system's error code, such as ENOENT, or null. */
export function errno(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
