import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import type { Outcome } from '../../core/proof/bundle/types.ts'
import { Bundles, folderOf } from './bundles.ts'
import { Recording, type Writer } from './record.ts'

let state: string
beforeEach(async () => void (state = await mkdtemp(join(tmpdir(), 'record-'))))
afterEach(() => rm(state, { recursive: true, force: true }))

const outcome = {} as Outcome
const writer = (path: string, close: Writer['close'] = async () => (await writeFile(path, 'x'), { path, digest: 'ab' })): Writer => ({
  begin: async () => undefined,
  heard: () => undefined,
  close,
  abort: async () => undefined,
})

it('makes room for the next one when it is over', async () => {
  const bundles = new Bundles(state, { count: 1, bytes: 1000 }, makeLog('silent', 'test'))
  for (const proof of ['al_1', 'al_2', 'al_3']) {
    const recording = await Recording.of(proof, bundles, writer)
    expect(await recording.close(outcome)).toEqual({ file: `${proof}.bundle`, digest: 'ab' })
    await recording.end()
    expect(await readdir(folderOf(state))).toHaveLength(1)
  }
})

it('costs the evidence and nothing else when the disk fails', async () => {
  const bundles = new Bundles(state, { count: 1, bytes: 1000 }, makeLog('silent', 'test'))
  const recording = await Recording.of('al_1', bundles, (path) => writer(path, () => Promise.reject(new Error('no room'))))
  expect(await recording.close(outcome)).toBeNull()
  await recording.end()
})
