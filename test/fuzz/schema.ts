import { HOST_KEY, IMAGE } from '../support/agent.ts'
import type { Random } from './random.ts'

/** The part of JSON Schema that our document uses. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  minItems?: number
  pattern?: string
  format?: string
}

/** Things that exist, so that requests get past the first look. */
export type World = { ids: string[]; hotkeys: string[]; schemas: Record<string, Schema> }

/** A value the schema would let through, as far as it says. @param name of the field, which often says more than its type */
export function sample(r: Random, schema: Schema, world: World, name = ''): unknown {
  const ref = schema.$ref?.split('/').at(-1)
  if (ref) return sample(r, world.schemas[ref] ?? {}, world, name)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return sample(r, r.of(choices), world, name)
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((s) => sample(r, s, world, name)))
  if ('const' in schema) return schema.const
  if (schema.enum) return r.of(schema.enum)
  if (schema.default !== undefined && r.chance(0.3)) return schema.default
  const type = Array.isArray(schema.type) ? r.of(schema.type) : schema.type
  if (type === 'object' || schema.properties) return sampleObject(r, schema, world)
  if (type === 'array') return Array.from({ length: (schema.minItems ?? 0) + r.below(3) }, () => sample(r, schema.items ?? {}, world, name))
  if (type === 'integer' || type === 'number') return sampleNumber(r, schema, type)
  if (type === 'boolean') return r.chance(0.5)
  return type === 'null' ? null : sampleText(r, schema, world, name)
}

function sampleObject(r: Random, { properties = {}, required = [], additionalProperties }: Schema, world: World): unknown {
  const kept = Object.entries(properties).filter(([key]) => required.includes(key) || r.chance(0.5))
  const more = typeof additionalProperties === 'object' && r.chance(0.5) ? [['SOME_NAME', additionalProperties] as const] : []
  return Object.fromEntries([...kept, ...more].map(([key, s]) => [key, sample(r, s, world, key)]))
}

function sampleNumber(r: Random, { minimum, exclusiveMinimum, maximum }: Schema, type: string): number {
  const low = minimum ?? (exclusiveMinimum ?? -1) + 1
  const high = Math.min(maximum ?? 1000, low + 1000)
  const value = r.of([low, high, low + r.next() * (high - low)])
  return type === 'integer' ? Math.floor(value) : value
}

function sampleText(r: Random, { pattern = '', format }: Schema, world: World, name: string): string {
  if (/key/.test(name)) return HOST_KEY
  if (/image/.test(name)) return IMAGE
  if (/hotkey/.test(name)) return r.of(world.hotkeys)
  if (format === 'date-time') return new Date(Math.floor(r.next() * 2e12)).toISOString()
  if (format === 'uri') return 'http://127.0.0.1:9/'
  const prefix = /\^([a-z]{2})_/.exec(pattern)?.[1]
  if (prefix === 'al' && r.chance(0.8)) return r.of(world.ids)
  if (prefix) return `${prefix}_01${r.hex(24).replaceAll(/[^0-9a-f]/g, '0')}`
  if (/hotkey|5/.test(pattern) && r.chance(0.5)) return r.of(world.hotkeys)
  return r.of(['a', 'h200', 'some words', r.hex(32), '1', '20'])
}
