import { type Command, InvalidArgumentError, Option } from 'commander'
import { ROLES, SCOPES, type Role, type Scope } from '../../../schema/index.ts'
import { Mistake } from '../../core/mistake.ts'
import { answer } from '../client.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { table, when } from '../print.ts'
import { number } from '../request.ts'
import { operateCommands } from './operate.ts'
import { snapshotCommands } from './snapshot.ts'

type NewKey = Common & { tenant: string; name?: string; scope?: Scope[]; maxGpus?: string; maxAllocations?: string; maxHours?: string }

async function createKey(io: Io, options: NewKey): Promise<void> {
  const { tenant, name, scope, maxGpus, maxAllocations, maxHours } = options
  const api = await apiOf(io)
  const quota = {
    ...(maxGpus !== undefined && { max_gpus: number('--max-gpus', maxGpus, 'a number') }),
    ...(maxAllocations !== undefined && { max_allocations: number('--max-allocations', maxAllocations, 'a number') }),
    ...(maxHours !== undefined && { max_lease_hours: number('--max-hours', maxHours, 'a number of hours') }),
  }
  const { body } = await answer(api.admin.keys.$post({ json: { tenant, quota, ...(name !== undefined && { name }), ...(scope && { scopes: scope }) } }))
  if (!options.json) io.err(`key ${body.id} for ${tenant}; this is the only time it is shown:`)
  show(io, options, body, ({ secret }) => secret)
}

async function listKeys(io: Io, options: Common): Promise<void> {
  const api = await apiOf(io)
  const { body } = await answer(api.admin.keys.$get())
  show(io, options, body, ({ items }) => {
    const rows = items.map((k) => {
      const { max_gpus, max_allocations, max_lease_hours } = k.quota
      return [
        k.id,
        k.tenant,
        k.name,
        k.scopes.join(','),
        `${max_gpus} GPUs, ${max_allocations} at once, ${max_lease_hours} h`,
        k.revoked_at ? `revoked ${when(k.revoked_at, io.nowMs())}` : 'valid',
      ]
    })
    return table(['ID', 'TENANT', 'NAME', 'SCOPES', 'QUOTA', 'STATE'], rows)
  })
}

async function listAllowed(io: Io, options: Common): Promise<void> {
  const api = await apiOf(io)
  const { body } = await answer(api.admin.allow.$get())
  show(io, options, body, ({ items }) => {
    if (items.length === 0)
      return 'Nobody may act yet: roles come from the chain (compute admin snapshot); in development also from: compute admin allow HOTKEY --role miner'
    const rows = items.map((a) => [a.hotkey, a.role, a.drained_by ? `${a.standing} (${a.drained_by})` : a.standing, a.source, when(a.changed_at, io.nowMs())])
    return table(['HOTKEY', 'ROLE', 'STANDING', 'BY', 'SINCE'], rows)
  })
}

function keyCommands(admin: Command, io: Io): void {
  const keys = admin.command('keys').description('API keys')
  keys
    .command('create')
    .description('make a key; prints its secret, once')
    .requiredOption('--tenant <name>', 'whose key it is: what one key of a tenant rents, the others see')
    .option('--name <text>', 'what it is for')
    .addOption(new Option('--scope <scope>', 'what it may do; repeatable (default: client)').argParser(scopes))
    .option('--max-gpus <n>', 'GPUs at once')
    .option('--max-allocations <n>', 'allocations at once')
    .option('--max-hours <n>', 'longest lease')
    .option(...JSON_OPTION)
    .action((options: NewKey) => createKey(io, options))
  keys
    .command('list')
    .description('all keys, without their secrets')
    .option(...JSON_OPTION)
    .action((options: Common) => listKeys(io, options))
  keys
    .command('revoke')
    .description('end a key at once; what it rented stays rented')
    .argument('<id>', 'key id, from compute admin keys list')
    .action(async (id: string) => {
      await (await apiOf(io)).admin.keys[':id'].$delete({ param: { id } })
      io.err(`${id} is revoked`)
    })
}

function scopes(value: string, before: Scope[] = []): Scope[] {
  const scope = SCOPES.find((s) => s === value)
  if (!scope) throw new InvalidArgumentError(`choose from: ${SCOPES.join(', ')}`)
  return [...before, scope]
}

function allowCommands(admin: Command, io: Io): void {
  const allow = admin
    .command('allow')
    .description('which hotkeys may act; outside development the chain says so, and this ends a drain')
    .argument('<hotkey>', 'ss58 address')
    // Not a mandatory option: commander would then ask for it in front of "list" and "remove" too.
    .addOption(new Option('--role <role>', 'what it may act as').choices(ROLES))
    .action(async (hotkey: string, { role }: { role?: Role }) => {
      if (!role) throw new Mistake(`--role is missing: give ${ROLES.map((r) => `--role ${r}`).join(' or ')}`)
      await (await apiOf(io)).admin.allow.$post({ json: { hotkey, role } })
      io.err(`${hotkey} may act as ${role}`)
    })
  allow
    .command('list')
    .description('who may act')
    .option(...JSON_OPTION)
    .action((options: Common) => listAllowed(io, options))
  allow
    .command('remove')
    .description('drain a hotkey: what it runs may finish, nothing new goes there')
    .argument('<hotkey>', 'ss58 address')
    .action(async (hotkey: string) => {
      await (await apiOf(io)).admin.allow[':hotkey'].$delete({ param: { hotkey } })
      io.err(`${hotkey} is draining`)
    })
}

/** `admin`: for a key with the scope "admin". */
export function adminCommands(program: Command, io: Io): void {
  const admin = program.command('admin').description('keys, allow-list, snapshots, health, brakes; needs a key with the scope "admin"')
  keyCommands(admin, io)
  allowCommands(admin, io)
  snapshotCommands(admin, io)
  operateCommands(admin, io)
}
