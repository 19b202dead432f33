import { bodyLimit } from 'hono/body-limit'
import { Problem } from '../../schema/problem.ts'

/** Refuses a body above so many bytes, announced or not, before anything reads it. */
export function atMost(bytes: number) {
  return bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new Problem('body_too_large', `${bytes} bytes at most`)
    },
  })
}
