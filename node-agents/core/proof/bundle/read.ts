import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { Mistake, reason } from '../../mistake.ts'
import { TOTAL_LIMIT } from '../lines.ts'

/** All that a host may send, and what is written around it. */
const FILE_LIMIT = TOTAL_LIMIT + 16 * 2 ** 20
/** The longest is an opening in the largest sizes, less than half of this. */
const LINE_LIMIT = 2 ** 18
const CHUNK = 2 ** 16
const NEWLINE = 10
const IS_NONE = 'so it is no bundle of a proof: name the file that "compute proof run" or a validator wrote'

/** One line, without its end and as it stands in the file; these are the same where it has no end. Only there until the next is asked for. */
export type Raw = { bytes: Buffer; whole: Buffer }

/**
 * The lines of a file, in bounded memory.
 * @throws Mistake when it cannot be read, or cannot be a bundle: no file, too large, or with a line that does not end
 */
export async function* rawLines(path: string): AsyncGenerator<Raw> {
  // Not blocking: opening a pipe that nobody writes to would never return.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new Mistake(`${path} cannot be read: ${reason(error)}`, error)
  })
  try {
    const info = await file.stat()
    if (!info.isFile()) throw new Mistake(`${path} is no file, ${IS_NONE}`)
    if (info.size > FILE_LIMIT) throw new Mistake(`${path} has more than ${FILE_LIMIT} bytes, ${IS_NONE}`)
    const line = Buffer.alloc(LINE_LIMIT + 1)
    let [length, total] = [0, 0]
    const chunk = Buffer.alloc(CHUNK)
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, null)
      if (bytesRead === 0) break
      total += bytesRead
      if (total > FILE_LIMIT) throw new Mistake(`${path} grows while it is read: try again once it is whole`)
      for (let from = 0; from < bytesRead;) {
        const end = chunk.subarray(0, bytesRead).indexOf(NEWLINE, from)
        const part = chunk.subarray(from, end === -1 ? bytesRead : end)
        if (length + part.length > LINE_LIMIT) throw new Mistake(`${path} has a line of more than ${LINE_LIMIT} bytes, ${IS_NONE}`)
        length += part.copy(line, length)
        from += part.length + 1
        if (end === -1) continue
        line[length] = NEWLINE
        yield { bytes: line.subarray(0, length), whole: line.subarray(0, length + 1) }
        length = 0
      }
    }
    if (length > 0) yield { bytes: line.subarray(0, length), whole: line.subarray(0, length) }
  } finally {
    await file.close()
  }
}
