import type { Wire } from './http.ts'
import { HOSTILE, mutate, type Random } from './random.ts'
import { sample, type Schema, type World } from './schema.ts'

type Parameter = { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema?: Schema }
type Operation = { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema: Schema }> } }
export type OpenApi = { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } }
export type Route = { method: string; path: string; operation: Operation }

export const routesOf = (doc: OpenApi): Route[] =>
  Object.entries(doc.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )

/** What may be in a header without being refused before it is sent. */
const inHeader = (text: string) => text.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '').slice(0, 4000)

/** Text as part of a URL, sometimes encoded as nobody should. */
function inUrl(r: Random, text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed()).slice(0, 4000)
  return r.chance(0.05) ? `${encoded}${r.of(['%', '%zz', '%00', '%ff%fe', '%2e%2e%2f', '//', ';a=b'])}` : encoded
}

const asText = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
const odd = (r: Random) => asText(r.of(HOSTILE))

function parameter(r: Random, p: Parameter, world: World): string {
  const value = asText(sample(r, p.schema ?? {}, world, p.name))
  return r.chance(0.3) ? odd(r) : value
}

function target(r: Random, route: Route, world: World): string {
  const named = (where: Parameter['in']) => (route.operation.parameters ?? []).filter((p) => p.in === where)
  let path = route.path
  for (const p of named('path')) path = path.replace(`{${p.name}}`, inUrl(r, parameter(r, p, world)))
  const query = named('query').flatMap((p) => (p.required || r.chance(0.5) ? [`${p.name}=${inUrl(r, parameter(r, p, world))}`] : []))
  if (r.chance(0.1)) query.push(`${inUrl(r, odd(r))}=${inUrl(r, odd(r))}`)
  if (r.chance(0.05)) query.push(...query)
  return `${path}${query.length > 0 ? `?${query.join('&')}` : ''}`.slice(0, 8000)
}

/** The bytes of a body: right, mutated, cut, or nothing like JSON. */
function bodyOf(r: Random, route: Route, world: World): Buffer | null {
  const schema = route.operation.requestBody?.content['application/json']?.schema
  if (!schema) return r.chance(0.1) ? Buffer.from(odd(r)) : null
  let value = sample(r, schema, world)
  if (r.chance(0.6)) for (let n = 1 + r.below(2); n > 0; n--) value = mutate(r, value)
  const bytes = Buffer.from(JSON.stringify(value) ?? '')
  if (r.chance(0.04)) return bytes.subarray(0, r.below(bytes.length + 1))
  return r.chance(0.03) ? Buffer.concat([bytes, Buffer.from([0xff, 0xfe, 0x00])]) : bytes
}

/** One request of a client, or of somebody who would like to be one. @param keys those there are, the client's first */
export function clientRequest(r: Random, route: Route, world: World, keys: readonly string[]): Wire {
  const body = route.method === 'GET' ? null : bodyOf(r, route, world)
  const key = r.chance(0.85) ? r.of(keys) : r.of(['', 'x', odd(r)])
  const headers: Record<string, string> = {
    prefer: r.chance(0.9) ? 'wait=0' : r.of(['wait=-1', 'wait=1e9', 'wait=', 'wait', 'wait=0,wait=0', 'respond-async']),
    ...(body && { 'content-type': r.chance(0.95) ? 'application/json' : r.of(['text/plain', '', 'application/json; charset=x', 'multipart/form-data']) }),
    ...(!r.chance(0.05) && { authorization: `${r.chance(0.97) ? 'Bearer' : r.of(['bearer', 'Basic', ''])} ${inHeader(key)}` }),
    ...(r.chance(0.2) && { 'idempotency-key': inHeader(r.chance(0.6) ? r.hex(2) : odd(r)) }),
    ...(r.chance(0.1) && { traceparent: inHeader(r.chance(0.5) ? `00-${r.hex(32)}-${r.hex(16)}-01` : odd(r)) }),
    ...(r.chance(0.1) && { 'last-event-id': inHeader(odd(r)) }),
    ...(body && { 'content-length': String(body.length) }),
  }
  const method = r.chance(0.97) ? route.method : r.of(['PUT', 'PATCH', 'OPTIONS', 'HEAD', 'POST', 'DELETE'])
  return { method, path: target(r, route, world), headers, body }
}
