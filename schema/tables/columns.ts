import { integer } from 'drizzle-orm/sqlite-core'

/** Milliseconds since 1970. */
export const ms = () => integer({ mode: 'number' })

/** 0 or 1. */
export const bool = () => integer({ mode: 'boolean' })
