import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'
import { makeKeys } from '../edge/keys.ts'
import { deploy, tell } from './deploy.ts'
import { rehearse } from './rehearse.ts'
import { smoke } from './smoke.ts'
import { wranglerAt } from './wrangler.ts'

const HELP = `npm run deploy -- --url https://edge.example [--pin FINGERPRINT]
    back up, migrate, deploy, smoke; DATABASE_URL and DATABASE_TOKEN come from the environment
npm run deploy -- --dry-run             all that needs no cloud
npm run deploy -- --smoke URL [--pin FINGERPRINT]
npm run deploy -- --make-secrets FILE   secrets of a new edge, for: npx wrangler secret bulk FILE`

/** After a first deployment cron fires within a minute; a shard looks every half. */
const PATIENCE_MS = 180_000

const say = (line: string) => console.log(line)

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean' },
      help: { type: 'boolean' },
      'make-secrets': { type: 'string' },
      patience: { type: 'string', default: String(PATIENCE_MS / 1000) },
      pin: { type: 'string' },
      smoke: { type: 'string' },
      url: { type: 'string' },
    },
  })
  if (values.help) {
    say(HELP)
    return true
  }
  const look = { ...(values.pin && { pin: values.pin }), patienceMs: Number(values.patience) * 1000 }
  if (values['dry-run']) return rehearse(wranglerAt(), say)
  if (values.smoke) return tell(await smoke({ ...look, url: values.smoke }), say)
  if (values['make-secrets']) return makeSecrets(values['make-secrets'])
  if (!values.url?.startsWith('https://')) throw new Mistake(`--url is missing: the https address that clients and agents will use\n${HELP}`)
  const backup = join('.local', 'backups', `${new Date().toISOString().replaceAll(/[:.]/g, '-')}.sql`)
  return deploy({ ...look, url: values.url, database: databaseOf(process.env), backup, wrangler: wranglerAt(undefined, true), say })
}

function databaseOf(env: NodeJS.ProcessEnv): { url: string; token?: string } {
  const { DATABASE_URL: url, DATABASE_TOKEN: token } = env
  if (!url) throw new Mistake('DATABASE_URL is missing: turso db show NAME --url; and DATABASE_TOKEN: turso db tokens create NAME')
  return { url, ...(token && { token }) }
}

/** The file is for its owner only, and to be removed once wrangler has read it. */
async function makeSecrets(file: string): Promise<boolean> {
  const { url, token } = databaseOf(process.env)
  const { vars, fingerprint } = await makeKeys()
  await writeFile(file, `${JSON.stringify({ DATABASE_URL: url, ...(token && { DATABASE_TOKEN: token }), ...vars }, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  say(`${file} holds the secrets of a new edge. Keep ADMIN_KEY and SIGNING_KEY somewhere safe, run: npx wrangler secret bulk ${file}, and remove the file.`)
  say(`miners register with https://YOUR-EDGE#${fingerprint}`)
  return true
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(`error: ${reason(error)}`)
  process.exitCode = error instanceof Mistake ? 2 : 1
}
