/** Bytes of a command's output that are kept. */
export const TAIL_BYTES = 2048

/** Keeps the last bytes of an output of any length. */
export function tail(max = TAIL_BYTES): { write(bytes: Buffer): void; text(): string } {
  let kept = Buffer.alloc(0)
  return {
    write(bytes) {
      kept = Buffer.concat([kept, bytes.subarray(-max)]).subarray(-max)
    },
    text: () => kept.toString('utf8').replace(/^\uFFFD+/, ''),
  }
}
