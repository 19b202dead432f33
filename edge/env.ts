import { importJWK, type CryptoKey as JoseKey, type JWK } from 'jose'
import * as z from 'zod'
import { hotkey } from '../schema/hotkey.ts'
import { imageReference } from '../schema/image.ts'
import { Problem } from '../schema/problem.ts'
import type { Feed } from './feed.ts'
import type { Hub } from './hub.ts'

/** Bindings as wrangler.toml and the secrets give them. */
export type Env = {
  HUB: DurableObjectNamespace<Hub>
  FEED: DurableObjectNamespace<Feed>
  /** Which deployment this is: another id means that every socket was just dropped. */
  VERSION?: WorkerVersionMetadata
} & Record<keyof z.input<typeof settings>, string | undefined>

const publicJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string().min(1) })
const json = z.string().transform((s, ctx): unknown => {
  try {
    return JSON.parse(s)
  } catch {
    ctx.addIssue({ code: 'custom', message: 'not JSON' })
    return z.NEVER
  }
})

/** Far more than hold a permit on any subnet. */
const MAX_TRUSTED = 64

const settings = z.object({
  /** `production` refuses simulated GPUs and hosts without isolation. */
  ENVIRONMENT: z.enum(['development', 'production']),
  NETUID: z.coerce.number().int().nonnegative(),
  /** Validators whose snapshots of the metagraph say who may act, comma-separated; may be empty. */
  TRUSTED_VALIDATORS: z
    .string()
    .default('')
    .transform((s) => [...new Set(s.split(',').map((part) => part.trim()))].filter((part) => part !== ''))
    .pipe(z.array(hotkey).max(MAX_TRUSTED)),
  /** The image a client gets who names none. */
  DEFAULT_IMAGE: imageReference,
  /** The edge's own ss58 address: the receiver of every signed request. */
  EDGE_ADDRESS: hotkey,
  /** Secrets. */
  DATABASE_URL: z.string().min(1),
  DATABASE_TOKEN: z.string().optional(),
  SIGNING_KEY: json.pipe(publicJwk.extend({ d: z.string() })),
  NEXT_KEY: json.pipe(publicJwk).optional(),
  ADMIN_KEY: z.string().min(24, 'at least 24 characters'),
})

export type Config = z.output<typeof settings> & { signer: JoseKey }

const read = new WeakMap<Env, Promise<Config>>()

/** Settings of this isolate, checked once. Throws `not_configured` naming what is missing, never its value. */
export function config(env: Env): Promise<Config> {
  const known = read.get(env) ?? parse(env)
  read.set(env, known)
  return known
}

async function parse(env: Env): Promise<Config> {
  const result = settings.safeParse(env)
  if (!result.success) {
    const names = [...new Set(result.error.issues.map((i) => String(i.path[0])))]
    throw new Problem('not_configured', `missing or malformed: ${names.join(', ')} (set it with: wrangler secret put ${names[0] ?? 'NAME'})`)
  }
  const signer = await importJWK(result.data.SIGNING_KEY satisfies JWK, 'EdDSA')
  if (signer instanceof Uint8Array) throw new Problem('not_configured', 'SIGNING_KEY is not an Ed25519 key')
  return { ...result.data, signer }
}
