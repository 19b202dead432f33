import { ChainError } from './errors.ts'
import type { Plain } from './wire.ts'

/** Makes something of a decoded value; `what` names it in the error when it is something else. */
export type Reader<T> = (value: Plain | undefined, what: string) => T

/** The chain said something that this program cannot make sense of: another endpoint may do better, a newer program too. */
export function nonsense(what: string, why: string): ChainError {
  return new ChainError(
    'Unexpected',
    'connection',
    `The chain's answer is wrong: ${what} ${why}. Try another endpoint; if it stays, install a newer version`,
    true,
  )
}

/** An integer of any width that JavaScript holds exactly: a block, a uid, a share. */
export const count: Reader<number> = (value, what) => {
  const n = typeof value === 'bigint' ? Number(value) : value
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0) throw nonsense(what, 'is no whole number')
  return n
}

/** An integer of any width, such as rao. */
export const amount: Reader<bigint> = (value, what) => {
  if (typeof value === 'bigint') return value
  return BigInt(count(value, what))
}

export const text: Reader<string> = (value, what) => {
  if (typeof value !== 'string') throw nonsense(what, 'is no text')
  return value
}

/** 0x and whole bytes in hex: a hash, a stored value, a key. */
export const bytes: Reader<string> = (value, what) => {
  const said = text(value, what)
  if (!/^0x([0-9a-f]{2})*$/i.test(said)) throw nonsense(what, 'is not in hex')
  return said
}

export const flag: Reader<boolean> = (value, what) => {
  if (typeof value !== 'boolean') throw nonsense(what, 'is neither true nor false')
  return value
}

export const list =
  <T>(of: Reader<T>): Reader<T[]> =>
  (value, what) => {
    if (!Array.isArray(value)) throw nonsense(what, 'is no list')
    return value.map((v) => of(v, what))
  }

export const pair =
  <A, B>(first: Reader<A>, second: Reader<B>): Reader<[A, B]> =>
  (value, what) => {
    if (!Array.isArray(value) || value.length !== 2) throw nonsense(what, 'is no pair')
    return [first(value[0], what), second(value[1], what)]
  }

export const orNull =
  <T>(of: Reader<T>): Reader<T | null> =>
  (value, what) =>
    value === null ? null : of(value, what)

/** A struct, given as a way to read its fields. */
export const struct =
  <T>(make: (field: <V>(name: string, of: Reader<V>) => V) => T): Reader<T> =>
  (value, what) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw nonsense(what, 'is no struct')
    return make((name, of) => of(value[name], `${what}.${name}`))
  }

/** What an account is that was never set: 32 zero bytes. */
const NOBODY = '5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM'

/** An address; null for the account of zeros, by which the chain says "none". */
export const somebody: Reader<string | null> = (value, what) => {
  const address = text(value, what)
  return address === NOBODY ? null : address
}
