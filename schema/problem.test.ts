import { expect, it } from 'vitest'
import { invalid, Problem, PROBLEM_CODES, problemBody, PROBLEMS } from './problem.ts'

it.each(PROBLEM_CODES)('%s makes an RFC 9457 body', (code) => {
  const problem = new Problem(code)
  const body = problem.body('4bf92f3577b34da6a3ce929d0e0e4736')
  expect(problemBody.parse(body)).toEqual(body)
  expect(body).toEqual({
    type: `urn:compute:problem:${code}`,
    title: PROBLEMS[code].title,
    status: problem.status,
    code,
    retryable: PROBLEMS[code].retryable,
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  })
  expect(problem.status).toBeGreaterThanOrEqual(400)
  expect(problem.status).toBeLessThan(600)
  expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
})

it('tells codes apart by their titles', () => {
  expect(new Set(PROBLEM_CODES.map((code) => PROBLEMS[code].title)).size).toBe(PROBLEM_CODES.length)
})

it('carries what happened, and keeps the cause to itself', () => {
  const problem = new Problem('stale', 'the nonce is old', { server_time_ms: 5 }, new Error('secret'))
  expect(problem.body()).toEqual(expect.objectContaining({ detail: 'the nonce is old', server_time_ms: 5 }))
  expect(JSON.stringify(problem.body())).not.toContain('secret')
  expect(problem.cause).toMatchObject({ message: 'secret' })
})

it('names one bad field', () => {
  expect(invalid('gpu.count', 'must be at least 1').body()).toMatchObject({
    status: 422,
    detail: 'gpu.count: must be at least 1',
    errors: [{ field: 'gpu.count', message: 'must be at least 1' }],
  })
})
