import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf } from './key.ts'
import { lockState } from '../core/lock.ts'
import { openSeq } from './seq.ts'
import { openState } from './state.ts'

let dir: string
let now = 1_800_000_000_000
const open = () => openState(dir, () => now)
const subject = { allocation: `al_${'0'.repeat(26)}`, incarnation: 1 }
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'state-'))
})
afterEach(() => rm(dir, { recursive: true }))

describe('the state directory', () => {
  it('is one install, over restarts', async () => {
    const { install } = await open()
    expect(install).toMatch(/^in_/)
    expect((await open()).install).toBe(install)
  })

  it('keeps files for its owner only and leaves nothing half written', async () => {
    const state = await open()
    await state.keepWish('a')
    await state.keepWish('b')
    expect(await state.readWish()).toBe('b')
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    expect((await readdir(dir)).filter((n) => n.endsWith('.tmp'))).toEqual([])
  })

  it('removes what an agent that died left half written, and nothing else', async () => {
    await open()
    const kept = [...(await readdir(dir)), 'notes.tmp', 'wish.jws.backup'].toSorted()
    for (const name of ['notes.tmp', 'wish.jws.backup']) await writeFile(join(dir, name), 'of the operator')
    for (const name of ['wish.jws', 'acts.json']) await writeFile(join(dir, `${name}.${randomUUID()}.tmp`), 'half')
    await open()
    expect((await readdir(dir)).toSorted()).toEqual(kept)
  })

  it.each([
    ['identity.json', /identity\.json is damaged.*backup/],
    ['seq.json', /seq\.json is damaged.*Remove it/],
    ['acts.json', /acts\.json is damaged.*backup/],
  ])('names a damaged %s and the fix', async (name, message) => {
    const state = await open()
    await state.seq.next()
    await state.memory.made(subject)
    for (const text of ['{', '{"install":5}', '[{}]', '']) {
      await writeFile(join(dir, name), text)
      await expect(open()).rejects.toThrow(expect.objectContaining({ name: 'Mistake', message: expect.stringMatching(message) }))
    }
  })

  it('says so when a file cannot be written, and goes on when it can again', async () => {
    const state = await open()
    for (const name of ['wish.jws', 'acts.json']) await mkdir(join(dir, name)) // nothing can be renamed over a directory, whoever tries
    await expect(state.keepWish('a')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    await expect(state.memory.made(subject)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    for (const name of ['wish.jws', 'acts.json']) await rm(join(dir, name), { recursive: true })
    await state.memory.ended(subject, null)
    expect((await open()).memory.lives.get(keyOf(subject))?.stage).toBe('ended')
    expect((await readdir(dir)).filter((n) => n.endsWith('.tmp'))).toEqual([])
  })
})

describe('seq', () => {
  it('grows strictly over restarts, also when the process died in the middle of a block', async () => {
    const seen: number[] = []
    for (let restart = 0; restart < 4; restart++) {
      const { seq } = await open()
      for (let i = 0; i < 1500; i++) seen.push(await seq.next())
    }
    expect(seen.every((n, i) => i === 0 || n > (seen[i - 1] ?? 0))).toBe(true)
  })

  it('grows when the clock was set back, and when its file was lost', async () => {
    const one = await (await open()).seq.next()
    now -= 3600_000
    const two = await (await open()).seq.next()
    await rm(join(dir, 'seq.json'))
    now += 3600_000 + 60_000
    const three = await (await open()).seq.next()
    expect(two).toBeGreaterThan(one)
    expect(three).toBeGreaterThan(two)
  })

  it('does not ask the disk for every number', async () => {
    const { seq } = await open()
    await seq.next()
    const before = await readFile(join(dir, 'seq.json'), 'utf8')
    for (let i = 0; i < 900; i++) await seq.next()
    expect(await readFile(join(dir, 'seq.json'), 'utf8')).toBe(before)
  })
})

describe('memory', () => {
  it('remembers what became of a container, and which acts were executed', async () => {
    const { memory } = await open()
    await memory.making(subject, { restart_n: 2, keys_n: 3, keys: ['SHA256:a'], expires_at_ms: 5 })
    await memory.made(subject)
    expect((await open()).memory.lives.get(keyOf(subject))).toMatchObject({ stage: 'made', restart_n: 2, keys_n: 3, keys: ['SHA256:a'], expires_at_ms: 5 })
    await memory.ended(subject, { code: 'exited', message: 'x' })
    expect((await open()).memory.failureOf(subject)).toEqual({ code: 'exited', message: 'x' })
  })

  it('has every change on disk when its promise resolves, however many come at once', async () => {
    const { memory } = await open()
    const many = Array.from({ length: 50 }, (_, i) => ({ ...subject, incarnation: i + 1 }))
    await Promise.all(many.map((s) => memory.making(s, { restart_n: 0, keys_n: 0, keys: null, expires_at_ms: null })))
    expect((await open()).memory.lives.size).toBe(50)
    await Promise.all(
      many.map(async (s) => {
        await memory.made(s)
        expect((await open()).memory.isMade(s)).toBe(true)
      }),
    )
  })

  it('forgets a day after the wish and the engine did', async () => {
    const { memory } = await open()
    await memory.ended(subject, null)
    now += 24 * 3600_000 + 1
    await memory.prune(new Set([keyOf(subject)]))
    expect(memory.lives.size).toBe(1)
    await memory.prune(new Set())
    expect((await open()).memory.lives.size).toBe(0)
  })
})

describe('numbers of reports', () => {
  it('go on from the clock when they cannot be reserved; it is told once, and again after it was over', async () => {
    const told: unknown[] = []
    const folder = join(dir, 'not', 'there')
    const seq = await openSeq(
      join(folder, 'seq.json'),
      () => now,
      (error) => told.push(error),
    )
    const first = await seq.next()
    expect(first).toBeGreaterThan(now)
    expect([await seq.next(), await seq.next()]).toEqual([first + 1, first + 2])
    expect(told).toHaveLength(1)
    await mkdir(folder, { recursive: true }) // there is room again
    expect(await seq.next()).toBe(first + 3)
    now += 10_000
    expect(await (await openSeq(join(folder, 'seq.json'), () => now)).next(), 'a restart begins above all').toBeGreaterThan(first + 3)
    expect(told).toHaveLength(1)
  })
})

describe('the lock', () => {
  it('names the process that holds it, and is free when that was killed', async () => {
    const script = `import { lockState } from ${JSON.stringify(new URL('../core/lock.ts', import.meta.url))}
      await lockState(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(other.stdout, 'data')
    await expect(lockState(dir)).rejects.toThrow(new RegExp(`another agent already uses .* \\(process ${other.pid}\\)`))
    other.kill('SIGKILL')
    await once(other, 'exit')
    const unlock = await lockState(dir)
    await expect(lockState(dir)).rejects.toThrow(new RegExp(`process ${process.pid}\\)`))
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    await unlock()
  })

  it('is taken by one only of many that start at once', async () => {
    const taken = await Promise.allSettled(Array.from({ length: 20 }, () => lockState(dir)))
    const held = taken.filter((t) => t.status === 'fulfilled')
    expect(held).toHaveLength(1)
    for (const { value: unlock } of held) await unlock()
  })

  it('refuses a second agent on one state, and is free again after the first', async () => {
    const unlock = await lockState(dir)
    await expect(lockState(join(dir, '.'))).rejects.toThrow(/another agent already uses .*--state/)
    const other = await mkdtemp(join(tmpdir(), 'state-'))
    await (
      await lockState(other)
    )()
    await rm(other, { recursive: true })
    await unlock()
    await (
      await lockState(dir)
    )()
  })
})
