import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { WriteStream } from 'node:fs'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import { syncPath } from '../../files.ts'
import { errno, Mistake, reason } from '../../mistake.ts'
import type { Signer } from '../../signer.ts'
import type { Heard } from '../session/types.ts'
import { endOf, heardLine, MAGIC, sealBytes, sealLine } from './format.ts'
import type { Header, Outcome } from './types.ts'

/** Bytes that may wait for the disk: a session is never held up by it, so there has to be an end. */
const MAX_WAITING = 32 * 2 ** 20
/** How files of evidence end, */
export const ENDING = '.bundle'
/** and what follows while one is not whole. */
export const PARTIAL = '.partial'

/**
 * Writes the evidence of one session while it runs, to FILE.partial, which becomes FILE when it is whole. For its owner only. What goes
 * wrong with the disk is kept until `close`: no session ends for it.
 */
export class BundleWriter {
  readonly #path: string
  readonly #signer: Pick<Signer, 'address' | 'sign'> | null
  readonly #hash = createHash('sha256')
  #file: FileHandle | null = null
  #stream: WriteStream | null = null
  #trouble: unknown = null

  /** @param signer whoever vouches for the times; null: nobody does */
  constructor(path: string, signer: Pick<Signer, 'address' | 'sign'> | null = null) {
    this.#path = path
    this.#signer = signer
  }

  /**
   * To be called once, at `go`, before the first line.
   * @throws Mistake when there is such a file already, or it cannot be made
   */
  async begin(header: Header): Promise<void> {
    if (this.#stream) throw new RangeError('a bundle has one header')
    if (header.by !== (this.#signer?.address ?? null))
      throw new RangeError(`a bundle of ${header.by ?? 'nobody'} is not for the key of ${this.#signer?.address ?? 'nobody'}`)
    this.#file = await begun(this.#path)
    this.#stream = this.#file.createWriteStream({ autoClose: false })
    this.#stream.on('error', (error) => (this.#trouble ??= error))
    this.#line(MAGIC)
    this.#line(`header ${JSON.stringify(header)}`)
  }

  /** A line of the session. What comes before the header is not kept: nothing rests on it. */
  heard(heard: Heard): void {
    if (this.#stream) this.#line(heardLine(heard))
  }

  /**
   * Ends and signs it, and gives it its name.
   * @returns SHA-256 of the file; null: it never began, so there is none
   * @throws Mistake when not all of it could be written; then nothing is left
   */
  async close(outcome: Outcome): Promise<{ path: string; digest: string } | null> {
    const [file, stream] = [this.#file, this.#stream]
    if (!file || !stream) return null
    try {
      this.#line(`end ${JSON.stringify(endOf(outcome))}`)
      const digest = this.#hash.copy().digest('hex')
      const signature = this.#signer?.sign(sealBytes(digest)) ?? null
      this.#line(sealLine({ digest, by: this.#signer?.address ?? null, signature }))
      if (this.#trouble !== null) throw this.#trouble
      stream.end()
      await finished(stream)
      await file.sync()
      stream.destroy() // it holds on to the file, and closing one would wait for that
      await file.close()
      await rename(this.#path + PARTIAL, this.#path)
      await syncPath(dirname(this.#path)) // the new name is only safe once its folder is
    } catch (error) {
      await this.abort()
      throw unwritable(this.#path, error)
    }
    this.#file = null
    return { path: this.#path, digest: this.#hash.digest('hex') }
  }

  /** Leaves nothing behind, unless it is closed already. May be called at any time. */
  async abort(): Promise<void> {
    const file = this.#file
    if (!file) return
    this.#file = null
    this.#stream?.destroy()
    this.#stream = null
    await file.close().catch((error: unknown) => (this.#trouble ??= error))
    await rm(this.#path + PARTIAL, { force: true })
  }

  #line(line: string): void {
    if (line.includes('\n')) throw new RangeError('a line of a bundle is one line')
    const bytes = Buffer.from(`${line}\n`)
    this.#hash.update(bytes)
    const stream = this.#stream
    if (!stream || this.#trouble !== null) return
    if (stream.writableLength + bytes.length > MAX_WAITING) this.#trouble = new Error('the disk is slower than the session')
    else stream.write(bytes)
  }
}

/**
 * Says before any work whether evidence can be kept there; leaves nothing.
 * @throws Mistake as `BundleWriter.begin` would
 */
export async function seePlace(path: string): Promise<void> {
  await (await begun(path)).close()
  await rm(path + PARTIAL)
}

/** @throws Mistake when there is such a file already, or it cannot be made */
async function begun(path: string): Promise<FileHandle> {
  try {
    if (await isThere(path)) throw new Mistake(`${path} is there already, and evidence is never overwritten: name another file`)
    await rm(path + PARTIAL, { force: true })
    return await open(path + PARTIAL, 'wx', 0o600)
  } catch (error) {
    throw unwritable(path, error)
  }
}

const unwritable = (path: string, error: unknown): Mistake =>
  error instanceof Mistake
    ? error
    : new Mistake(`the evidence ${path} cannot be written (${reason(error)}): is there room, and may this user write there?`, error)

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errno(error) === 'ENOENT') return false
    throw error
  }
}
