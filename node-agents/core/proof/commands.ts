import type { OpenRequest } from './request.ts'
import type { Sizes } from './sizes.ts'

/** What a validator tells the script, in this order. What names a GPU is for that one, at the moment it is ready for it; all else for all of them. */
export type Command =
  | { c: 'ping'; /** 8 bytes. */ nonce: Uint8Array }
  | { c: 'prep'; sizes: Sizes }
  | { c: 'go'; seed: Uint8Array }
  /** To all at once, when the `tip` of every GPU is there. `nonce`: 32 bytes, fresh for this GPU. */
  | { c: 'sweep'; gpu: number; nonce: Uint8Array; sizes: Sizes }
  /** Only once its `swp` is there: before that, there is to be no time in which nothing is measured. */
  | { c: 'roots'; gpu: number }
  | { c: 'open'; gpu: number; request: OpenRequest }
  | { c: 'quit' }

/** A command as the line that is sent, with its end. */
export function commandLine(command: Command): string {
  return `${JSON.stringify(body(command))}\n`
}

function body(command: Command): Record<string, unknown> {
  switch (command.c) {
    case 'ping':
      return { c: 'ping', n: hex(command.nonce) }
    case 'prep': {
      const { n, K, w, f } = command.sizes
      return { c: 'prep', n, K, w, f, engine: 'auto' }
    }
    case 'go':
      return { c: 'go', seed: hex(command.seed) }
    case 'sweep': {
      const { lanes, r, Q } = command.sizes
      return { c: 'sweep', g: command.gpu, nonce: hex(command.nonce), lanes, r, Q }
    }
    case 'roots':
      return { c: 'roots', g: command.gpu }
    case 'open':
      return { c: 'open', g: command.gpu, ...command.request }
    case 'quit':
      return { c: 'quit' }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
