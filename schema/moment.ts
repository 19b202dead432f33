import * as z from 'zod'

/** Milliseconds since 1970 that RFC 3339 can say, which is how clients are told: it ends with the year 9999. */
export const moment = z.number().int().min(0).max(253_402_300_799_999)
