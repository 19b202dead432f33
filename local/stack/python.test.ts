import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { noPython } from './python.ts'

const box = { driver: 'box', image: 'none', socket: null } as const
const before = process.env['PATH']

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'python-'))))
afterEach(async () => {
  process.env['PATH'] = before
  await rm(folder, { recursive: true })
})

async function python(script: string): Promise<void> {
  await writeFile(join(folder, 'python3'), `#!/bin/sh\n${script}\n`)
  await chmod(join(folder, 'python3'), 0o700)
  process.env['PATH'] = folder
}

test('a python3 that is new enough will do', async () => {
  await python('exit 0')
  expect(await noPython(box)).toBeNull()
})

test.each([
  ['is too old', 'echo it is version 3.8 >&2; exit 1', /it is version 3\.8/],
  ['is broken', 'echo no such file >&2; exit 127', /no such file/],
])('one that %s is named, with what to do', async (_, script, why) => {
  await python(script)
  const said = await noPython(box)
  expect(said).toMatch(/^PROOFS ARE RECORDED, NOT RUN: this machine .*; give it a python3 of 3\.9 or newer with its whole standard library, and start again$/)
  expect(said).toMatch(why)
})

test('so is none at all, and an engine that does not answer', async () => {
  process.env['PATH'] = folder
  expect(await noPython(box)).toMatch(/\(spawn python3 ENOENT\)/)
  expect(await noPython({ driver: 'docker', image: 'x:1', socket: join(folder, 'none') })).toMatch(/^PROOFS ARE RECORDED, NOT RUN: x:1 .*ENOENT/)
})
