import type { Command } from 'commander'
import { Mistake } from '../../core/mistake.ts'
import { answer } from '../client.ts'
import { apiOf, type Common, type Io, JSON_OPTION, show } from '../io.ts'
import { plural, table, when } from '../print.ts'

const SHORT = 8
/** Enough for a person; --json has all. */
const SHOWN = 10

type Changes = { seen: number; known: number; counts: Record<string, number>; hotkeys: string[] }

/** "2 draining, 1 admitted", or that nothing is. */
function changesText({ counts }: Changes): string {
  const parts = Object.entries(counts).map(([kind, n]) => `${n} ${kind}`)
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

async function listSnapshots(io: Io, options: Common): Promise<void> {
  const { body } = await answer((await apiOf(io)).admin.snapshots.$get())
  show(io, options, body, ({ items, posts, needed, trusted }) => {
    if (trusted.length === 0) return 'no validator is trusted: set TRUSTED_VALIDATORS of the edge'
    const rows = items.slice(0, SHOWN).map((s) => {
      const ofHow = s.state === 'collecting' ? '' : changesText(s.detail)
      return [s.digest.slice(0, SHORT), String(s.block), s.state, `${s.votes.length} of ${trusted.length}`, String(s.uids), when(s.chain_at, io.nowMs()), ofHow]
    })
    const said = posts.slice(0, SHOWN).map((p) => [p.hotkey, String(p.block), p.digest.slice(0, SHORT), p.outcome, when(p.at, io.nowMs())])
    const held = items.filter((s) => s.state === 'held').map((s) => heldText(s.digest.slice(0, SHORT), s.detail))
    return [
      `${plural(needed, 'trusted validator')} of ${trusted.length} must say the same`,
      '',
      table(['SNAPSHOT', 'BLOCK', 'STATE', 'SAID BY', 'UIDS', 'OF', 'CHANGES'], rows),
      '',
      table(['VALIDATOR', 'BLOCK', 'SNAPSHOT', 'OUTCOME', 'SAID'], said),
      ...held,
    ].join('\n')
  })
}

function heldText(digest: string, { seen, known, hotkeys }: Changes): string {
  const act = `If that is right: compute admin snapshot accept ${digest}. If not: compute admin snapshot ignore ${digest}`
  return `\n${digest} is held: it changes ${seen} of ${plural(known, 'agent')}, such as ${hotkeys.join(', ')}\n${act}`
}

function digestOf(text: string): string {
  if (!/^[0-9a-f]{8,64}$/.test(text)) throw new Mistake(`"${text}" is no digest: give at least the first 8 hex digits, from compute admin snapshot`)
  return text
}

/** `admin snapshot`: what validators say that the chain says, and what waits for a person. */
export function snapshotCommands(admin: Command, io: Io): void {
  const snapshot = admin.command('snapshot').description('what trusted validators say who may act, and what is held because it changes too much')
  snapshot
    .command('list', { isDefault: true })
    .description('the latest snapshots, and who sent what')
    .option(...JSON_OPTION)
    .action((options: Common) => listSnapshots(io, options))
  snapshot
    .command('accept')
    .description('let roles follow a snapshot that is held, at once and as a whole')
    .argument('<digest>', 'its first 8 hex digits or more')
    .option(...JSON_OPTION)
    .action(async (given: string, options: Common) => {
      const { body } = await answer((await apiOf(io)).admin.snapshots[':digest'].accept.$post({ param: { digest: digestOf(given) } }))
      show(io, options, body, ({ block, detail }) => `roles follow block ${block} now: ${changesText(detail)}`)
    })
  snapshot
    .command('forget')
    .description('drop the snapshot that roles follow: it is of another chain, or of stolen keys')
    .argument('<digest>', 'its first 8 hex digits or more')
    .option(...JSON_OPTION)
    .action(async (given: string, options: Common) => {
      const { body } = await answer((await apiOf(io)).admin.snapshots[':digest'].forget.$post({ param: { digest: digestOf(given) } }))
      show(io, options, body, ({ block }) => `block ${block} is forgotten; roles stay as they are until most of the trusted validators say the same again`)
    })
  snapshot
    .command('ignore')
    .description('drop a snapshot that is held: it is wrong')
    .argument('<digest>', 'its first 8 hex digits or more')
    .option(...JSON_OPTION)
    .action(async (given: string, options: Common) => {
      const { body } = await answer((await apiOf(io)).admin.snapshots[':digest'].ignore.$post({ param: { digest: digestOf(given) } }))
      show(io, options, body, ({ block }) => `the snapshot of block ${block} is ignored; roles stay as they were`)
    })
}
