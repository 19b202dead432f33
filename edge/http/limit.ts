import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { Problem } from '../../schema/problem.ts'
import type { Http } from './app.ts'

/** Refuses a body above so many bytes, announced or not, before anything reads it. */
export function sized(bytes: number) {
  return bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new Problem('body_too_large', `${bytes} bytes at most`)
    },
  })
}

/** Refuses a body with text that no database takes. It costs time by the size of the body: where a signature is asked for, it comes after. */
export const wellFormed = createMiddleware<Http>(async (c, next) => {
  // As bytes: a signature is over them, and not over what they are read as.
  if (hasHalf(new TextDecoder().decode(await c.req.arrayBuffer()))) throw new Problem('malformed_request', 'a string holds half of a surrogate pair')
  await next()
})

/** Both. */
export function atMost(bytes: number) {
  const limited = sized(bytes)
  return createMiddleware<Http>((c, next) => limited(c, async () => void (await wellFormed(c, next))))
}

const SURROGATE = /\\ud[89a-f]/i

/** Half a surrogate pair can be written in JSON, and in no other encoding: the database would refuse all that it stands in. */
function hasHalf(json: string): boolean {
  if (!SURROGATE.test(json)) return false
  let found = false
  try {
    JSON.parse(json, (name, value: unknown) => {
      found ||= !name.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())
      return value
    })
  } catch {
    return false // whoever parses it says so
  }
  return found
}
