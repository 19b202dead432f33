import { OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Problem, problemBody, PROBLEMS, type FieldError, type ProblemCode } from '../../schema/problem.ts'
import type { Caller } from '../caller.ts'
import type { Ctx } from '../ctx.ts'
import type { Env } from '../env.ts'

/** What middleware leaves for a handler: `caller` behind a bearer key, `hotkey` behind a signature. */
export type Vars = { ctx: Ctx; trace: string; caller: Caller; hotkey: string }
export type Http = { Bindings: Env; Variables: Vars }
export type HttpContext = Context<Http>

/** A small body may be wrong in tens of thousands of places. */
const NAMED = 50

/** A router whose validation failures are `invalid_request` problems naming each field. */
export function router() {
  return new OpenAPIHono<Http>({
    defaultHook: (result) => {
      if (result.success) return
      throw new Problem('invalid_request', undefined, { errors: result.error.issues.slice(0, NAMED).map(fieldError) })
    },
  })
}

type Issue = { path: PropertyKey[]; message: string; code?: string | undefined; keys?: unknown; issues?: readonly { message: string }[] }

function fieldError(issue: Issue): FieldError {
  const field = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys' && Array.isArray(issue.keys))
    return { field: [field, String(issue.keys[0])].filter(Boolean).join('.'), message: 'unknown field' }
  // What is wrong with the name of a record's entry stands one level down.
  return { field: field || 'body', message: issue.code === 'invalid_key' ? (issue.issues?.[0]?.message ?? issue.message) : issue.message }
}

/** Response entries for the OpenAPI document, one a status. */
export function problems(...codes: ProblemCode[]) {
  const content = { 'application/problem+json': { schema: problemBody.meta({ id: 'Problem' }) } }
  const byStatus = Map.groupBy(codes, (c) => PROBLEMS[c].status)
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [status, { description: list.map((c) => `\`${c}\`: ${PROBLEMS[c].title}`).join('; '), content }]),
  )
}

/** A JSON body that must be there: without `required` an empty one would reach the handler as `{}`. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { body: { required: true as const, content: { 'application/json': { schema } } } }
}

export function json<T extends z.ZodType>(schema: T, description: string, headers?: Record<string, { description: string; schema: { type: 'string' } }>) {
  return { description, content: { 'application/json': { schema } }, ...(headers && { headers }) }
}
