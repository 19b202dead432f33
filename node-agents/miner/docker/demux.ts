const HEADER = 8

/**
 * Takes apart the engine's multiplexed stream: frames of a header (stream, three zeros, length) and that many bytes.
 * Chunks may end anywhere. Ours, because the SDK's recurses once a frame and many short lines overflow its stack.
 */
export function demux(onBytes: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let header = Buffer.alloc(0)
  let left = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left === 0) {
        const piece = chunk.subarray(at, at + HEADER - header.length)
        header = Buffer.concat([header, piece])
        at += piece.length
        if (header.length < HEADER) return
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const piece = chunk.subarray(at, at + left)
      at += piece.length
      left -= piece.length
      onBytes(piece)
    }
  }
}
