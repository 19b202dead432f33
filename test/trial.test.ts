import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import type { Driver } from '../node-agents/core/ports.ts'
import { newOwner, newSpec } from './support/container.ts'
import { run as runProgram, Program } from './support/process.ts'
import { hostWith } from './support/pythons.ts'
import { bundlesIn, CARDS, flagsIn, proofRun, UUIDS } from './support/trial.ts'
import { until } from './support/until.ts'

/** `compute proof run` and `compute proof verify`, on a host without a container engine: the whole session over SSH, into a box. */

const IMAGE = 'any:1'
const LONG_MS = 120_000

let dir = ''
let driver: Driver
const own: Program[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trial-'))
  driver = boxDriver({ root: join(dir, 'state', 'boxes') })
})
afterEach(async () => {
  for (const { child } of own.splice(0)) child.kill('SIGKILL')
  for (const owner of await owners()) for (const c of (await driver.list(owner)).containers) await driver.remove(owner, c)
  await rm(dir, { recursive: true, force: true })
})

const boxes = () => readdir(join(dir, 'state', 'boxes')).catch(() => [])
/** Whose boxes are left. */
async function owners() {
  const records = await Promise.all((await boxes()).map((name) => readFile(join(dir, 'state', 'boxes', name, 'box.json'), 'utf8').catch(() => null)))
  return records.flatMap((text) => (text === null ? [] : [(JSON.parse(text) as { owner: { edge: string; hotkey: string; install: string } }).owner]))
}
const trial = (...flags: string[]) => proofRun(driver, [...flagsIn(dir, IMAGE), ...flags])
const verify = (...args: string[]) => runProgram('compute', ['proof', 'verify', ...args])

/** A container of a tenant that holds some of the cards. */
async function rented(...gpus: string[]) {
  const owner = newOwner()
  const { spec } = await newSpec(IMAGE, { gpus })
  await driver.run(owner, spec)
  return async () => (await driver.list(owner)).containers
}

/** What nobody signed, anybody may seal again. */
function resealed(text: string): string {
  const body = text.slice(0, text.indexOf('seal {'))
  return `${body}seal ${JSON.stringify({ digest: createHash('sha256').update(body).digest('hex'), by: null, signature: null })}\n`
}

describe('a proof of cards of one’s own', { timeout: LONG_MS }, () => {
  test('says what a validator would say, keeps the evidence, and leaves nothing else behind', async () => {
    const { code, out } = await trial()
    expect(out).toMatch(/ok {3}arithmetic +all 2 GPUs passed[^]*A validator would say: simulated: .*nobody pays/)
    expect(code).toBe(0)
    const [bundle = ''] = await bundlesIn(dir)
    expect(out).toContain(`Evidence: ${bundle}, SHA-256 `)
    expect(await boxes()).toEqual([])
  })

  test('keeps the evidence of the last eight, and no half of one', async () => {
    const folder = join(dir, 'state', 'trial')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const old = Array.from({ length: 9 }, (_, i) => `2026-01-0${i + 1}T00.00.00.000Z.bundle`)
    for (const name of [...old, '2026-01-08T00.00.01.000Z.bundle.partial']) await writeFile(join(folder, name), '')
    expect(await trial()).toMatchObject({ code: 0 })
    const kept = await bundlesIn(dir)
    expect(kept).toHaveLength(8)
    expect(kept.slice(0, -1)).toEqual(old.slice(2).map((name) => join(folder, name)))
  })

  test('its evidence holds, and with one byte changed anywhere it does not', async () => {
    const bundle = join(dir, 'mine.bundle')
    expect(await trial('--bundle', bundle)).toMatchObject({ code: 0 })
    expect(await verify(bundle)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/holds +arithmetic +all 2 GPUs passed[^]*open +timing +attested by nobody/),
    })
    const whole = await readFile(bundle)
    const changed = join(dir, 'changed')
    for (const at of [0.05, 0.5, 0.95].map((part) => Math.floor(part * whole.length))) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      await writeFile(changed, bytes)
      const { code, out } = await verify(changed)
      expect(out, `byte ${at}`).toMatch(/WRONG/)
      expect(code).toBe(1)
    }
    await writeFile(
      changed,
      resealed(whole.toString().replace(/("t":"tip","g":0,"h":")(.)/, (_, before: string, digit: string) => before + (digit === '0' ? '1' : '0'))),
    )
    expect(await verify(changed), 'with a seal that fits').toMatchObject({ code: 1, out: expect.stringMatching(/holds +file[^]*WRONG +arithmetic/) })
    const { code, out } = await verify('--json', bundle)
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ holds: true, arithmetic: { result: 'passed' }, timing: { result: 'nobody' }, freshness: { result: 'unknown' } })
  })

  test('evidence that cannot be read is said to be that, and is no verdict', async () => {
    expect(await verify(join(dir, 'absent'))).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^error: .*absent cannot be read/) })
    expect(await verify(dir)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^error: .* is no file/) })
  })

  test('a place for the evidence that will not do is said before anything begins', async () => {
    const mine = join(dir, 'mine')
    await writeFile(mine, 'mine')
    await expect(trial('--bundle', mine)).rejects.toThrow(/mine is there already, and evidence is never overwritten/)
    const said: string[] = []
    await expect(proofRun(driver, [...flagsIn(dir, IMAGE), '--bundle', join(dir, 'absent', 'b')], said)).rejects.toThrow(/cannot be written/)
    expect(said).toEqual([])
    expect(await readFile(mine, 'utf8')).toBe('mine')
    expect(await boxes()).toEqual([])
  })

  test('one line for programs', async () => {
    const { code, out } = await trial('--json', '--gpus', '1', '--claim', 'NVIDIA L4')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      result: 'valid',
      identity: { result: 'simulated', model: 'NVIDIA L4' },
      session: { ended: 'complete', times: [{ gpu: 0 }] },
      bundle: { digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
  })

  test('nothing is taken from a tenant', async () => {
    const there = await rented(UUIDS[0] ?? '')
    expect(await trial()).toMatchObject({ code: 0, out: expect.stringMatching(/^1 of 2 GPUs are proved/m) })
    await expect(trial('--gpus', '2')).rejects.toThrow(/--gpus 2: 1 of 2 GPUs are rented/)
    await expect(trial('--gpus', UUIDS[0] ?? '')).rejects.toThrow(/is rented: wait/)
    const also = await rented(UUIDS[1] ?? '')
    await expect(trial()).rejects.toThrow(/all 2 GPUs of this host are rented/)
    for (const left of [there, also]) expect(await left()).toMatchObject([{ state: 'running' }])
  })

  test('a tenant who comes at the same moment stays, and the trial goes', async () => {
    const tenant = newOwner()
    const { spec } = await newSpec(IMAGE, { gpus: UUIDS.slice(1) })
    const plain = driver
    driver = { ...plain, run: (owner, ...rest) => plain.run(owner, ...rest).finally(() => plain.run(tenant, spec)) }
    await expect(trial()).rejects.toThrow(/1 of 2 GPUs were just now rented/)
    expect(await boxes()).toEqual([expect.stringContaining(spec.allocation)])
    expect((await plain.list(tenant)).containers).toMatchObject([{ state: 'running' }])
  })

  test('a host that works on another seed is found out, with the row, and not called a cheat after once', async () => {
    driver = (await hostWith('replayer', join(dir, 'bin')))(driver)
    const { code, out } = await trial()
    expect(code).toBe(1)
    expect(out).toMatch(/FAIL {2}arithmetic +GPU \d: .*(row|state)[^]*A validator would say: invalid: /)
    expect(await boxes()).toEqual([])
    const [bundle = ''] = await bundlesIn(dir)
    expect(await verify(bundle)).toMatchObject({ code: 1, out: expect.stringMatching(/WRONG +arithmetic +GPU \d: /) })
  })

  test('an image without a Python that runs fails with that and the fix', async () => {
    driver = (await hostWith('quitter', join(dir, 'bin')))(driver)
    const { code, out } = await trial('--selftest')
    expect(code).toBe(1)
    expect(out).toMatch(/FAIL {2}python +python3 does not run in the image[^]*fix: .*gpu\/Dockerfile[^]*would say: failed: /)
    expect([await boxes(), await bundlesIn(dir)]).toEqual([[], []])
  })

  test('evidence is never overwritten, and a wrong flag is named', async () => {
    await writeFile(join(dir, 'there'), 'mine')
    await expect(trial('--bundle', join(dir, 'there'))).rejects.toThrow(/there already/)
    expect(await readFile(join(dir, 'there'), 'utf8')).toBe('mine')
    expect(await boxes()).toEqual([])
    await expect(trial('--gpus', 'some')).rejects.toThrow(/--gpus cannot be "some"/)
    await expect(trial('--claim', 'NVIDIA X1')).rejects.toThrow(/no "NVIDIA X1"/)
  })
})

describe('a host that says it has real cards', { timeout: LONG_MS }, () => {
  /** With an nvidia-smi and a python3 of the test's own before the real ones. */
  async function said(python: string) {
    await mkdir(join(dir, 'bin'))
    await writeFile(join(dir, 'bin', 'nvidia-smi'), '#!/bin/sh\necho "GPU-1, 0, NVIDIA L4, 23034, 570.1"\n', { mode: 0o700 })
    await writeFile(join(dir, 'bin', 'python3'), python, { mode: 0o700 })
    const flags = ['--state', join(dir, 'state'), '--hotkey-file', join(dir, 'no-hotkey'), '--images', IMAGE]
    return runProgram('local/miner.ts', ['box', 'proof', ...flags], { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` })
  }
  test('and no torch in its image is told so', async () => {
    const { code, out } = await said('#!/bin/sh\necho 3.12.3 numpy\n')
    expect(out).toMatch(/with 1 × NVIDIA L4 is made[^]*FAIL {2}python +3\.12\.3 with numpy: nothing reaches the GPUs[^]*fix: pip install torch/)
    expect(code).toBe(1)
    expect(await boxes()).toEqual([])
  })

  test('and a torch that finds none is no proof, and never calculates in their place', async () => {
    const lib = join(dir, 'lib')
    await mkdir(lib)
    await writeFile(join(lib, 'torch.py'), 'raise ImportError("no GPU here")\n') // also where this machine has one
    const real = `exec env PYTHONPATH=${lib} PATH="\${PATH#*:}" python3 "$@"`
    const { code, out } = await said(`#!/bin/sh\n[ "$1" = -c ] && { echo 3.12.3 torch; exit; }\n${real}\n`)
    expect(out).toMatch(/FAIL {2}session +hello: .*no torch that finds a GPU[^]*fix: [^]*A validator would say: failed: /)
    expect(code).toBe(1)
    expect(await boxes()).toEqual([])
  })
})

describe('a proof that does not come to its end', { timeout: LONG_MS }, () => {
  /** One of its own process, that waits at its session for a host that does not answer. */
  async function stuck() {
    await hostWith('sleeper', join(dir, 'bin'))
    // The look at Python is answered; the session is not.
    await writeFile(join(dir, 'bin', 'python3'), '#!/bin/sh\n[ "$1" = -c ] && { echo 3.11.0; exit; }\nexec sleep 3600\n')
    const program = new Program('local/miner.ts', ['box', 'proof', ...flagsIn(dir, IMAGE)], { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` })
    own.push(program)
    await until('the session', () => program.out.includes('the session runs'), LONG_MS)
    return program
  }

  test.each(['SIGINT', 'SIGHUP'] as const)('%s ends it, and takes its container along', async (signal) => {
    const program = await stuck()
    expect(await boxes()).toHaveLength(1)
    await expect(trial()).rejects.toThrow(/another compute proof run is at work here/)
    program.child.kill(signal)
    expect(await program.ended).toMatchObject({ code: 130 })
    expect(await boxes()).toEqual([])
  })

  test('what a kill -9 leaves, the next one removes', async () => {
    const program = await stuck()
    program.child.kill('SIGKILL')
    await program.ended
    expect(await boxes()).toHaveLength(1)
    const { code, out } = await trial('--gpus', String(CARDS.count))
    expect(out).toMatch(/^1 container that an earlier run left is removed/)
    expect(code).toBe(0)
    expect(await boxes()).toEqual([])
  })
})
