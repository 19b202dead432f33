import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { Bundles, folderOf, surplus } from './bundles.ts'

const log = makeLog('silent', 'test')
let state: string
beforeEach(async () => void (state = await mkdtemp(join(tmpdir(), 'bundles-'))))
afterEach(() => rm(state, { recursive: true, force: true }))

describe('what is kept', () => {
  const files = fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1 }), bytes: fc.nat(1000), atMs: fc.nat(50) }), { selector: (f) => f.name })
  it('is within the bound, and nothing that fits goes for something older', () => {
    fc.assert(
      fc.property(files, fc.nat(20), fc.nat(3000), (all, count, bytes) => {
        const gone = new Set(surplus(all, { count, bytes }))
        const kept = all.filter((f) => !gone.has(f.name))
        const sum = kept.reduce((s, f) => s + f.bytes, 0)
        expect(kept.length).toBeLessThanOrEqual(count)
        expect(sum).toBeLessThanOrEqual(bytes)
        for (const f of all.filter(({ name }) => gone.has(name))) {
          const newer = kept.filter((k) => k.atMs >= f.atMs)
          expect(newer.length === count || newer.reduce((s, k) => s + k.bytes, 0) + f.bytes > bytes).toBe(true)
        }
      }),
    )
  })

  it('are the newest files, and what is still written is left alone', async () => {
    const bundles = new Bundles(state, { count: 2, bytes: 1000 }, log)
    const at = async (id: string, ageS: number) => {
      const file = await bundles.begin(id)
      if (!file) throw new Error('none')
      await writeFile(file.path, 'x'.repeat(100))
      await utimes(file.path, 1_000_000 - ageS, 1_000_000 - ageS)
      return file
    }
    const [old, mid, young] = [await at('old', 30), await at('mid', 20), await at('young', 10)]
    await bundles.begin('open')
    await writeFile(join(folderOf(state), 'open.bundle.partial'), 'half')
    await writeFile(join(folderOf(state), 'dead.bundle.partial'), 'of a process that died')
    await writeFile(join(folderOf(state), 'notes.txt'), 'not ours')
    for (const { name } of [old, mid, young]) await bundles.end(name)
    expect((await readdir(folderOf(state))).toSorted()).toEqual(['mid.bundle', 'notes.txt', 'open.bundle.partial', 'young.bundle'])
  })

  it('is nothing when none is wanted, or when there is no room for a folder; nothing is thrown', async () => {
    expect(await new Bundles(state, { count: 0, bytes: 1 }, log).begin('a')).toBeNull()
    await writeFile(join(state, 'proofs'), 'a file where the folder should be')
    const bundles = new Bundles(state, { count: 5, bytes: 1000 }, log)
    expect(await bundles.begin('a')).toBeNull()
    await bundles.end('a.bundle')
  })
})
