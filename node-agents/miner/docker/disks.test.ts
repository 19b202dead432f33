import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { until } from '../../../test/support/until.ts'
import type { Engine } from './client.ts'
import { Disks, rootOf, sizeOf } from './disks.ts'
import type { Tool } from './tool.ts'

describe('the size of a disk', () => {
  test.each([
    [0, 1],
    [1, 1],
    [31, 31],
    [33, 32],
    [34, 34],
    [100, 100],
    [103, 100],
    [1000, 992],
  ])('%d GB asked for: %d', (asked, gb) => expect(sizeOf(asked)).toBe(gb))

  test('is never more than what was asked for, nor less by more than a sixteenth', () => {
    for (let gb = 1; gb < 5000; gb++) {
      expect(sizeOf(gb)).toBeLessThanOrEqual(gb)
      expect(sizeOf(gb)).toBeGreaterThan(gb * (15 / 16))
    }
  })
})

test.each([
  ['/var/lib/docker', '0:0'],
  ['/var/lib/docker/231072.231072', '231072:231072'],
  ['/data/1.2/docker', '0:0'],
])('root of the containers of %s is %s', (dockerRoot, root) => expect(rootOf(dockerRoot)).toBe(root))

describe('leftovers', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'disks-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  test('are looked for while a spare is made: it is none of them', async () => {
    const [formatting, looking] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let formatted = 0
    const removeVolume = vi.fn(() => looking.promise.then(() => true))
    const engine = { info: async () => ({ DockerRootDir: root }), removeVolume }
    const tool: Tool = async (name, argv) => {
      if (name === 'mkfs.ext4' && ++formatted === 2) await formatting.promise
      return name === 'losetup' && argv.includes('--show') ? '/dev/loop-none' : ''
    }
    const disks = new Disks(engine as unknown as Engine, tool, { prefix: 'test', spares: true })
    const owner = { edge: 'edge', hotkey: 'hotkey', install: 'install' }
    const first = await disks.take(owner, 1)
    first.settle('used')
    const folder = dirname(first.disk.device)
    const prefix = first.disk.name.replace(/[0-9a-f]{8}$/, '')
    const files = async () => (await readdir(folder)).filter((file) => file.endsWith('.img'))
    // So many that some are looked at before the spare and some after it, however the folder is listed.
    const leave = (when: string) => Promise.all(Array.from({ length: 30 }, (_, n) => writeFile(join(folder, `${prefix}${when}-${n}.img`), '')))
    await leave('left-before')
    await until('a spare is being made', () => formatted === 2)
    await leave('left-after')
    disks.tidy(owner, []) // the container of the first is gone, too
    await until('the first leftover goes', () => removeVolume.mock.calls.length > 0)
    formatting.resolve()
    await until('the spare is there', async () => (await readdir(folder)).filter((file) => file.endsWith('.dev')).length === 2)
    looking.resolve()
    await until('the leftovers are gone', async () => (await files()).length <= 1)
    expect(await files()).toHaveLength(1)
    await disks.close()
  })

  test('a spare that somebody took away is made anew', async () => {
    const made: string[] = []
    const engine = { info: async () => ({ DockerRootDir: root }), removeVolume: async () => true } as unknown as Engine
    const tool: Tool = async (name, argv) => {
      if (name === 'mkfs.ext4') made.push(argv.at(-1) ?? '')
      return name === 'losetup' && argv.includes('--show') ? '/dev/null' : ''
    }
    const disks = new Disks(engine, tool, { prefix: 'test', spares: true })
    const owner = { edge: 'edge', hotkey: 'hotkey', install: 'install' }
    const first = await disks.take(owner, 1)
    first.settle('used')
    await until('there is a spare', async () => (await readdir(dirname(first.disk.device))).filter((file) => file.endsWith('.dev')).length === 2)
    await rm(made[1] ?? '')
    const second = await disks.take(owner, 1)
    expect(made).toHaveLength(3)
    expect(made[2]).toContain(second.disk.name)
    await disks.close()
  })
})
