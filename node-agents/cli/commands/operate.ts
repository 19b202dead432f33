import type { Command } from 'commander'
import * as z from 'zod'
import { Mistake, reason } from '../../core/mistake.ts'
import { answer, Failure } from '../client.ts'
import { loadCredentials } from '../credentials.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { table, when } from '../print.ts'

const ANSWER_MS = 30_000

const healthBody = z.object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })) })
/** An edge without its settings answers with a problem. */
const problem = z.object({ title: z.string(), detail: z.string().optional() })

/** Red is an answer too, so this asks by itself. */
async function health(io: Io, options: Common): Promise<void> {
  const { url } = await loadCredentials(io.env)
  const body = await fetch(`${url}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })
    .then((response) => response.json())
    .catch((cause: unknown) => {
      throw new Failure(`the edge at ${url} does not answer: ${reason(cause)}`, cause)
    })
  const state = healthBody.safeParse(body)
  if (!state.success) {
    const said = problem.safeParse(body)
    throw new Failure(said.success ? `the edge at ${url} is red: ${said.data.detail ?? said.data.title}` : `${url}/health does not answer as an edge does`)
  }
  show(io, options, state.data, ({ checks }) =>
    table(
      ['CHECK', '', 'DETAIL'],
      checks.map((c) => [c.name, c.ok ? 'ok' : 'RED', c.detail]),
    ),
  )
  if (!state.data.ok) io.exit(1)
}

async function listBrakes(io: Io, options: Common): Promise<void> {
  const { body } = await answer((await apiOf(io)).admin.brakes.$get())
  show(io, options, body, ({ items }) => {
    if (items.length === 0) return 'no brake is engaged'
    const rows = items.map((b) => [
      b.name,
      b.released_at ? `released ${when(b.released_at, io.nowMs())}` : 'engaged',
      when(b.since, io.nowMs()),
      `${b.unreachable} of ${b.total} miners`,
    ])
    return table(['BRAKE', 'STATE', 'SINCE', 'WHY'], rows)
  })
}

const EPOCH = `This begins a new epoch of wishes. Do it once, right after the database was restored from a backup:
  every agent takes its wish from the restored database, though it has seen newer ones;
  rentals that ended since the backup are not made anew: agents remember them, and say that they are gone;
  rentals made since the backup are unknown to the database: agents hold them as unexplained, where there are several until somebody decides (compute miner confirm).`

async function restoreEpoch(io: Io, options: Common & { yes?: boolean }): Promise<void> {
  if (!options.json) io.err(EPOCH)
  if (!options.yes) throw new Mistake('nothing was done; if this is what you want, say so with --yes')
  const { body } = await answer((await apiOf(io)).admin['restore-epoch'].$post())
  show(io, options, body, ({ epoch }) => `epoch ${epoch}; agents with rentals are told now, the others ask within ten minutes`)
}

/** What an operator does at 3 a.m. */
export function operateCommands(admin: Command, io: Io): void {
  admin
    .command('health')
    .description('green or red, and what to do; exits with 1 when red')
    .option(...JSON_OPTION)
    .action((options: Common) => health(io, options))
  const brake = admin
    .command('brake')
    .description('rules that hold a mass change back until a person confirms')
    .option(...JSON_OPTION)
    .action((options: Common) => listBrakes(io, options))
  brake
    .command('release')
    .description('let happen what the brake holds back: rentals on miners that stay away end after their hour')
    .argument('[name]', 'which brake', 'unreachable')
    .action(async (name: string) => {
      if (name !== 'unreachable') throw new Mistake(`there is no brake "${name}"; choose from: unreachable`)
      await (await apiOf(io)).admin.brakes[':name'].release.$post({ param: { name } })
      io.err(`the brake "${name}" is released`)
    })
  admin
    .command('restore-epoch')
    .description('after the database was restored from a backup: every agent takes its wish again')
    .option('--yes', 'do it')
    .option(...JSON_OPTION)
    .action((options: Common & { yes?: boolean }) => restoreEpoch(io, options))
}
