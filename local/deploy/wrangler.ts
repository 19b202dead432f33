import { spawn } from 'node:child_process'
import * as z from 'zod'
import { Mistake } from '../../node-agents/core/mistake.ts'

/** Runs wrangler with these arguments. */
export type Wrangler = (args: string[]) => Promise<{ code: number | null; out: string }>

/** Secrets a deployed edge needs (edge/env.ts checks them again, at every start). */
export const SECRETS = ['DATABASE_URL', 'DATABASE_TOKEN', 'EDGE_ADDRESS', 'SIGNING_KEY', 'ADMIN_KEY'] as const

const ROOT = new URL('../..', import.meta.url)

/** The wrangler of this repository; what it prints is shown when `loud`. */
export function wranglerAt(command = 'node_modules/.bin/wrangler', loud = false): Wrangler {
  return (args) =>
    new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd: ROOT, stdio: ['inherit', 'pipe', loud ? 'inherit' : 'ignore'] })
      let out = ''
      child.stdout.on('data', (bytes: Buffer) => {
        out += bytes.toString()
        if (loud) process.stdout.write(bytes)
      })
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, out }))
    })
}

/** Throws a `Mistake` that says what to do when the account, or a secret, is missing. */
export async function checkAccount(wrangler: Wrangler): Promise<void> {
  if ((await wrangler(['whoami', '--json'])).code !== 0) throw new Mistake('wrangler is not logged in: run npx wrangler login, or set CLOUDFLARE_API_TOKEN')
  const listed = await wrangler(['secret', 'list', '--format', 'json'])
  const names = listed.code === 0 ? secretNames(listed.out) : []
  const missing = SECRETS.filter((s) => !names.includes(s))
  if (missing.length > 0)
    throw new Mistake(
      `the Worker lacks ${missing.join(', ')}: set each with npx wrangler secret put NAME. For the first deployment make them all: npm run deploy -- --make-secrets FILE, then npx wrangler secret bulk FILE`,
    )
}

function secretNames(out: string): string[] {
  const list = z.array(z.object({ name: z.string() })).safeParse(parsed(out))
  return list.success ? list.data.map((s) => s.name) : []
}

/** The version that serves now, or null: none yet. */
export async function currentVersion(wrangler: Wrangler): Promise<string | null> {
  const { code, out } = await wrangler(['deployments', 'status', '--json'])
  const status = z.object({ versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })).min(1) }).safeParse(code === 0 ? parsed(out) : null)
  if (!status.success) return null
  return [...status.data.versions].sort((a, b) => b.percentage - a.percentage)[0]?.version_id ?? null
}

/** JSON, with whatever wrangler says before it. */
function parsed(out: string): unknown {
  try {
    return JSON.parse(out.slice(Math.max(0, out.search(/[[{]/))))
  } catch {
    return null
  }
}
