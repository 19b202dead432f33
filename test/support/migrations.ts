import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

type Journal = { entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[] }

/** Adds to a folder of migrations what a later version brings. */
export async function later(folder: string, tag: string, ...statements: string[]): Promise<void> {
  const path = join(folder, 'meta/_journal.json')
  const journal = JSON.parse(await readFile(path, 'utf8')) as Journal
  const idx = journal.entries.length
  journal.entries.push({ idx, version: '6', when: 1_900_000_000_000 + idx, tag, breakpoints: true })
  await writeFile(path, JSON.stringify(journal))
  await writeFile(join(folder, `${tag}.sql`), statements.join('--> statement-breakpoint\n'))
}
