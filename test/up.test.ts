import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCommand } from '../local/stack/login.ts'
import { answer, connect, newIdempotencyKey } from '../node-agents/cli/client.ts'
import { door } from '../node-agents/cli/endpoint.ts'
import { testEngine } from './support/engine.ts'
import { type Ended, Program, run } from './support/process.ts'
import { freePorts, keyPair } from './support/ssh.ts'
import { until } from './support/until.ts'

const engine = await testEngine()
const LONG_MS = 120_000

let folder: string
let port: number
const started: Program[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compute-up-'))
  port = (await freePorts(1))[0] ?? 0
})
afterEach(async () => {
  for (const program of started.splice(0)) {
    program.child.kill('SIGTERM')
    await program.ended
  }
  await rm(folder, { recursive: true, force: true })
})

type Up = { program: Program; url: string; key: string; pids: number[] }

/** `npm start` until it says how to use it. */
async function up(...more: string[]): Promise<Up> {
  const program = new Program('local/main.ts', ['--state', folder, '--port', String(port), '--driver', 'box', ...more])
  started.push(program)
  const ended = program.ended.then(({ err }) => Promise.reject(new Error(`ended: ${err}`)))
  ended.catch(() => undefined)
  await Promise.race([until('it is up', () => program.out.includes('npm start resumes it.'), 60_000), ended])
  const [, url = '', key = ''] = /COMPUTE_URL=(\S+) COMPUTE_API_KEY=(\S+) \.\/compute up/.exec(program.out) ?? []
  return { program, url, key, pids: await childrenOf(program.child.pid ?? 0) }
}

/** The one of these processes that runs a script. */
async function running(script: string, pids: number[]): Promise<number> {
  for (const pid of pids) if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(script)) return pid
  throw new Error(`nobody runs ${script}`)
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').map(Number)
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
const gone = (pids: number[]) => until(`${pids.join(', ')} are gone`, () => pids.every((pid) => !alive(pid)), 20_000)

describe('npm start', () => {
  it(
    'prints commands that work, stops at Ctrl-C though it arrives twice, and resumes the rental at the next start',
    async () => {
      const first = await up()
      expect(first.program.out).toMatch(/NO ISOLATION/)
      expect(first.program.out).toMatch(/NVIDIA H200:8 \(simulated\)/)
      expect(first.pids, 'chain, database, edge, validator, two miners').toHaveLength(6)
      expect(first.program.out).toMatch(
        /^chain {6}ws:\/\/\S+, subnet 27.*\nvalidator {2}\w{48}, uid \d+\nminer 1 {4}\w{48}, uid \d+, .*\nminer 2 {4}\w{48}, uid \d+, /m,
      )
      expect((await stat(join(folder, 'database.sqlite'))).mode & 0o077, 'for others').toBe(0)
      const pair = keyPair()
      const api = connect({ url: first.url, key: first.key })
      const rented = await answer(api.v1.allocations.$post({ json: { ssh_keys: [pair.public] }, header: { 'idempotency-key': newIdempotencyKey() } }))
      await runCommand(door(rented.body), pair.private, 'echo kept > file')

      first.program.child.kill('SIGINT')
      first.program.child.kill('SIGINT')
      expect(await first.program.ended).toMatchObject({ code: 0, out: expect.stringMatching(/stopped; npm start resumes it\n$/) })
      await gone(first.pids)
      await expect(runCommand(door(rented.body), pair.private, 'true')).rejects.toThrow(/ECONNREFUSED/)

      const second = await up()
      expect(second).toMatchObject({ url: first.url, key: first.key })
      const same = await until('the rental is back', () => runCommand(door(rented.body), pair.private, 'cat file').catch(() => null), 20_000)
      expect(same).toBe('kept')
      const again = connect({ url: second.url, key: second.key })
      const { body } = await answer(again.v1.allocations[':id'].$get({ param: { id: rented.body.id }, header: {} }))
      expect(body).toMatchObject({ state: 'running', endpoint: { host_key: rented.body.endpoint?.host_key } })
      await answer(again.v1.allocations[':id'].$delete({ param: { id: body.id }, header: {} }))
    },
    LONG_MS,
  )

  it(
    'says when there are weights, and how to see them and where scores come from; a second start has them at once',
    async () => {
      const weighed = async () => {
        const { program } = await up()
        await until('it tells of weights', () => program.out.includes('\nweights '), LONG_MS)
        expect(program.out).toMatch(/^weights {4}2 uids \(2, 3\), read back at block \d+$/m)
        return program
      }
      const first = await weighed()
      const [explain = '', show = ''] = [...first.out.matchAll(/^ {2}\.\/compute (validator explain .*|weights show .*)$/gm)].map((m) => m[1] ?? '')
      const explained = await run('node-agents/main.ts', explain.split(' '))
      expect(explained, explain).toMatchObject({ code: 0, out: expect.stringMatching(/^score {6}100\.00 of 100: 8 x NVIDIA H200, by own proofs/m) })
      expect(explained.out).toMatch(/x {2}proof_age +1 /)
      const shown = await run('node-agents/main.ts', show.split(' '))
      expect(shown, show).toMatchObject({ code: 0, out: expect.stringMatching(/timelocked +confirmed +2 /) })
      expect(shown.out).toMatch(/^1\* .* 50\.0 +50\.0$/m)

      first.child.kill('SIGINT')
      await first.ended
      const second = await weighed()
      const kept = /read back at block (\d+)/
      expect(Number(kept.exec(second.out)?.[1])).toBeGreaterThanOrEqual(Number(kept.exec(first.out)?.[1]))
    },
    2 * LONG_MS,
  )

  it(
    'goes down with the reason when a part of it dies, and refuses a second one on the same state',
    async () => {
      const { program, pids } = await up()
      expect(await run('local/main.ts', ['--state', folder, '--port', '0'])).toMatchObject({ code: 1, err: expect.stringContaining('another npm start uses') })
      process.kill(await running('local/chain/main.ts', pids), 'SIGKILL')
      const { code, err } = await program.ended
      expect(code).toBe(1)
      expect(err).toMatch(/^error: chain was ended by SIGKILL .*chain\.log/)
      await gone(pids)
    },
    LONG_MS,
  )

  it(
    'ends at once when told again, though a part of it does not stop',
    async () => {
      const { program, pids } = await up()
      process.kill(await running('local/database/main.ts', pids), 'SIGSTOP')
      const code = program.ended.then((ended) => ended.code)
      await until('it ends', () => program.child.exitCode !== null || (program.child.kill('SIGINT'), false), 10_000)
      expect(await code).toBe(130)
      await gone(pids)
    },
    LONG_MS,
  )

  it(
    'leaves no process behind when it is killed itself',
    async () => {
      const { program, pids } = await up()
      program.child.kill('SIGKILL')
      await program.ended
      await gone(pids)
    },
    LONG_MS,
  )

  it('a taken port and damaged state are said with the fix, and nothing is started', async () => {
    const holder = createServer().listen(port, '127.0.0.1')
    await new Promise((resolve) => holder.once('listening', resolve))
    const args = ['--state', folder, '--port', String(port), '--driver', 'box']
    expect(await run('local/main.ts', args)).toMatchObject({ code: 1, err: expect.stringMatching(/^error: port \d+ is taken: .*--port/) })
    await new Promise((resolve) => holder.close(resolve))
    await writeFile(join(folder, 'chain.json'), '{')
    expect(await run('local/main.ts', args)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: chain ended .*chain\.json, is damaged.*Or remove .* to begin anew$/m),
    })
    await rm(join(folder, 'chain.json'))
    await mkdir(join(folder, 'validator', 'state'), { recursive: true })
    await writeFile(join(folder, 'validator', 'state', 'validator.json'), '{}')
    expect(await run('local/main.ts', args)).toMatchObject({ code: 1, err: expect.stringMatching(/^error: .*chain\.json is gone.* put it back\. Or remove/m) })
    await writeFile(join(folder, 'keys.json'), '{')
    expect(await run('local/main.ts', args)).toMatchObject({ code: 1, err: expect.stringMatching(/^error: .*keys\.json is damaged.*Remove/) })
  })
})

describe.skipIf(!engine)('npm start in a folder with rentals of another driver', () => {
  const at = (socket: string, ...args: string[]) =>
    run('local/main.ts', ['--state', folder, '--port', String(port), ...args], { DOCKER_HOST: `unix://${socket}` })

  it('refuses with the fix instead of losing them', async () => {
    const holder = createServer().listen(port, '127.0.0.1') // so that a start that is not refused ends too
    await new Promise((resolve) => holder.once('listening', resolve))
    await at(engine?.socket ?? '', '--driver', 'docker', '--image', engine?.image ?? '')
    expect(await at('/nowhere')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: the rentals in .* run in Docker.*start the engine.*--state DIR\n$/),
    })
    await new Promise((resolve) => holder.close(resolve))
  })
})

describe('npm start -- --demo', () => {
  const acts = ['pause', 'resume', 'rekey', 'extend', 'restart', 'kill -9', 'recover']
  const STEPS = ['start', 'chain', 'register', 'proof', 'scores', 'weights', 'allocate', 'ssh', ...acts, 'release', 'stop']
  const docker = { DOCKER_HOST: process.env['DOCKER_HOST'] ?? '' }
  const demo = (env: Record<string, string>, ...args: string[]) => run('local/main.ts', ['--demo', ...args], { TMPDIR: folder, ...env })

  async function works(driver: string, { code, out, err }: Ended): Promise<void> {
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const last = JSON.parse(out.trim().split('\n').at(-1) ?? '') as { steps: Record<string, number>; snapshot_block: number }
    expect(last).toMatchObject({ demo: 'ok', driver, registered: 3, proof: 'simulated', snapshot_block: expect.any(Number), weights_read_back: true, uids: 2 })
    expect(out).toMatch(/^proof .* simulated: uid 2 8 cards in \d+\.\d s, uid 3 8 cards in \d+\.\d s$/m)
    expect(out).toMatch(/^scores .* uid 2 scores 100 \(8 x NVIDIA H200\), uid 3 scores 100 \(8 x NVIDIA H200\)$/m)
    expect(out).toMatch(/^weights .* 2 uids \(2, 3\), committed, revealed and read back at block \d+$/m)
    expect(last.snapshot_block % 25, 'snapshots are of such blocks only').toBe(0)
    expect(Object.keys(last.steps)).toEqual(STEPS)
    expect(await readdir(folder)).toEqual([])
  }

  it('rents, logs in, releases and leaves nothing behind: box', async () => works('box', await demo({}, '--driver', 'box')), LONG_MS)

  it.skipIf(!engine)('the same in containers', async () => works('docker', await demo(docker, '--driver', 'docker', '--image', engine?.image ?? '')), LONG_MS)

  it.skipIf(!engine)(
    'a failure names step and cause, and leaves nothing behind either',
    async () => {
      const { code, out, err } = await demo(docker, '--driver', 'docker', '--image', '127.0.0.1:1/absent:1')
      expect(code).toBe(1)
      expect(out, 'nor can it be proved').toMatch(/^PROOFS ARE RECORDED, NOT RUN: 127\.0\.0\.1:1\/absent:1 cannot run them .*No such image/m)
      expect(out).toMatch(/^proof .* recorded: uid 2 8 cards, uid 3 8 cards$/m)
      expect(err).toMatch(/^error: allocate failed after \d+ ms: al_\w+ is failed, not running: pull_failed/)
      expect(await readdir(folder)).toEqual([])
    },
    LONG_MS,
  )
})
