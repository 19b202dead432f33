import type { Store } from '../store/types.ts'

/** What could not be read or written, since the start. */
export type StoreErrors = { count: number }

/** The same store; whatever it rejects is counted, and goes to the caller as before. */
export function counted(store: Store, errors: StoreErrors): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        try {
          return (await Reflect.apply(member, target, args)) as unknown
        } catch (error) {
          errors.count++
          throw error
        }
      }
    },
  })
}
