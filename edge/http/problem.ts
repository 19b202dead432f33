import { HTTPException } from 'hono/http-exception'
import { Problem } from '../../schema/problem.ts'
import { logger } from '../log.ts'
import type { HttpContext } from './app.ts'

/** Every error becomes a problem here and nowhere else. An unknown one is a 500 whose trace id stands in the log. */
export function onError(error: unknown, c: HttpContext): Response {
  const trace = c.get('trace')
  const problem = asProblem(error)
  if (problem.status >= 500) logger({ trace }).error('problem', { code: problem.code, path: c.req.path, error: chain(error) })
  return render(problem, trace)
}

export function render(problem: Problem, trace: string | undefined): Response {
  const afterS = problem.extra.retry_after_s ?? (problem.code === 'rate_limited' ? 60 : null)
  const retryAfter = afterS === null ? {} : { 'retry-after': String(afterS) }
  return Response.json(problem.body(trace), { status: problem.status, headers: { 'content-type': 'application/problem+json', ...retryAfter } })
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException && error.status === 400) return new Problem('malformed_request', 'the body is not valid JSON', {}, error)
  if (error instanceof HTTPException && error.status === 415) return new Problem('unsupported_media_type', undefined, {}, error)
  return new Problem('internal', undefined, {}, error)
}

/** The error and what caused it, for the log only. */
function chain(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error; at instanceof Error && parts.length < 5; at = at.cause) parts.push(`${at.name}: ${at.message}`)
  return parts.join(' <- ').slice(0, 2000) || String(error)
}
