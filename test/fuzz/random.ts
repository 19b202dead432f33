/** Numbers that look random and come again from the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 … 1, without 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** 0 … n-1 */
  below(n: number): number {
    return Math.floor(this.next() * n)
  }

  chance(p: number): boolean {
    return this.next() < p
  }

  of<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const at = list[this.below(list.length)]
    if (at === undefined) throw new RangeError('nothing to choose from')
    return at
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join('')
  }
}

/** What parsers, databases and careless code trip over. */
// prettier-ignore
export const HOSTILE: readonly unknown[] = [
  null, true, false, 0, -1, 1, 0.5, -0.0001, 1e21, -1e308, 2 ** 31, 2 ** 53, 2 ** 63,
  '', ' ', '0', '-1', 'null', 'undefined', 'NaN', '%', '%s', '\u0000', 'a\u0000b', '\ud800', 'x\udfff', '\u202e', 'e\u0301', '🦀'.repeat(40),
  "'; DROP TABLE allocations; --", '" OR 1=1', '$.a[0]', '{"a":1}', '[]', '../../etc/passwd', '__proto__', 'constructor', 'toString', '\r\nx-injected: 1',
  'a'.repeat(300), 'a'.repeat(70_000), '9'.repeat(400), '1970-01-01', '2026-13-45T99:99:99Z', 'http://169.254.169.254/',
  [], [[]], [null], {}, { a: {} }, { __proto__: null, constructor: 1 }, Array.from({ length: 300 }, () => 0), nested(200),
]

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** The value with one thing in it made otherwise, somewhere. */
export function mutate(r: Random, value: unknown): unknown {
  if (Array.isArray(value)) return mutateList(r, value)
  if (isObject(value)) return mutateObject(r, value)
  return r.chance(0.8) ? r.of(HOSTILE) : near(r, value)
}

/** What is almost right. */
function near(r: Random, value: unknown): unknown {
  if (typeof value === 'number') return r.of([value + 1, value - 1, -value, value * 1e6, value + 0.5, String(value)])
  if (typeof value === 'string') return r.of([value.toUpperCase(), value.slice(1), `${value} `, `${value}\n`, value.slice(0, -1), [value]])
  return typeof value === 'boolean' ? !value : r.of(HOSTILE)
}

function mutateList(r: Random, list: unknown[]): unknown {
  const at = r.below(list.length)
  if (list.length === 0 || r.chance(0.15)) return r.of<unknown>([r.of(HOSTILE), [...list, r.of(HOSTILE)]])
  if (r.chance(0.15)) return [...list, ...list]
  return list.map((v, i) => (i === at ? mutate(r, v) : v))
}

function mutateObject(r: Random, object: Record<string, unknown>): unknown {
  const keys = Object.keys(object)
  if (keys.length === 0 || r.chance(0.06)) return r.of(HOSTILE)
  const key = r.of(keys)
  if (r.chance(0.12)) return Object.fromEntries(Object.entries(object).filter(([k]) => k !== key))
  if (r.chance(0.12)) return { ...object, [r.of(['extra', '__proto__x', 'constructor', `${key} `, ''])]: r.of(HOSTILE) }
  return { ...object, [key]: mutate(r, object[key]) }
}
