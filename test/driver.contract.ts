import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Driver } from '../node-agents/core/ports.ts'
import { hostileValue } from './support/container.ts'
import { fixture, type Subject } from './support/contract.ts'
import { eventually } from './support/eventually.ts'
import { freePorts, hasOpenssh, holdPort, keyPair, login, opensshLogin } from './support/ssh.ts'

/** What every driver must do. */
export function driverContract(name: string, setup: () => Promise<Subject>): void {
  describe(`driver ${name}`, () => {
    const f = fixture(setup)
    const { owner, spec, running, stateOf } = f
    let subject: Subject
    let driver: Driver
    beforeAll(() => {
      subject = f.subject
      driver = f.subject.driver
    })

    test('says what it is', async () => {
      expect(await driver.info()).toMatchObject({
        driver: driver.name,
        isolation: expect.stringMatching(/^(none|runc(\+userns)?)$/),
        engine: expect.stringMatching(/^\w+ v?\d+\./),
      })
    })

    test('has the image it is tested with', async () => {
      expect(await driver.hasImage(subject.image)).toBe(true)
    })

    test('lets its client in with the pinned host key, and nobody else', async () => {
      const { target } = await running()
      expect(await login(target, 'echo hello; exit 3')).toEqual({ code: 3, out: 'hello\n', err: '' })
      await expect(login({ ...target, hostKey: keyPair().public }, 'true')).rejects.toThrow(/verification failed/)
      await expect(login({ ...target, privateKey: keyPair().private }, 'true')).rejects.toThrow(/authentication methods failed/)
      const password = { password: 'root' } as Record<string, string>
      await expect(login({ ...target, privateKey: '' }, 'true', password)).rejects.toThrow(/authentication methods failed/)
    })

    test('says when it is made and about to start', async () => {
      const { spec: one } = await spec()
      const o = owner()
      const seen: string[] = []
      await driver.run(o, one, undefined, () => seen.push('created')).then(() => seen.push('started'))
      expect(seen).toEqual(['created', 'started'])
    })

    test('is logged into by plain ssh without prompt or warning', async ({ skip }) => {
      if (!(await hasOpenssh())) skip('no OpenSSH client on this machine')
      const { target } = await running()
      expect(await opensshLogin(target, 'echo $((6 * 7))')).toEqual({ out: '42\n', err: '' })
    })

    test('hands input to a command and gives both outputs back', async () => {
      const { target } = await running()
      const said = await login(target, 'echo out; echo err >&2; head -c 1000000 /dev/zero | tr "\\0" x')
      expect(said).toMatchObject({ code: 0, err: 'err\n' })
      expect(said.out.length).toBe(4 + 1_000_000)
    })

    test("the client's environment arrives literally and sets nothing else", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(hostileValue, { minLength: 8, maxLength: 30 }), async (values) => {
          const fixed = {
            QUOTES: `"'\\" \\\\ '"`,
            COMMENT: ' # no comment',
            SHELL_TEXT: '$HOME `id` $(id)',
            END: 'ends in \\',
            UNICODE: 'žluťoučký 🐎',
            EMPTY: '',
          }
          const env = { ...fixed, ...Object.fromEntries(values.map((value, i) => [`V${i}`, value])) }
          const made = await running({ env })
          const { out } = await login(made.target, 'env -0')
          const seen = Object.fromEntries(out.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
          expect(seen).toMatchObject(env)
          expect(seen['PATH']).toContain('/usr/bin')
          await driver.remove(made.owner, made.spec)
        }),
        { numRuns: 3, endOnFailure: true },
      )
    })

    test.each([
      ['a line break', { A: 'x\nPermitRootLogin yes' }],
      ['a name with a space', { 'A B': 'x' }],
      ["the miner's own variables", { NVIDIA_VISIBLE_DEVICES: 'all' }],
    ])('refuses %s in the environment', async (_, env) => {
      const { spec: bad } = await spec({ env })
      await expect(driver.run(owner(), bad)).rejects.toMatchObject({ code: 'unsupported' })
      expect(await subject.leftovers(bad.allocation)).toEqual([])
    })

    test('refuses a key line that carries options', async () => {
      const { spec: bad } = await spec({ authorizedKeys: [`command="id" ${keyPair().public}`] })
      await expect(driver.run(owner(), bad)).rejects.toMatchObject({ code: 'unsupported' })
      expect(await subject.leftovers(bad.allocation)).toEqual([])
    })

    test('runs argv literally, with its environment, and tells exit code and output', async () => {
      const made = await running()
      const hostile = ['$HOME', '; id', '`id`', '$(id)', '"', "'", '\\', '*', '--help', '-k', 'žluť', ' ', '']
      const argv = ['sh', '-c', 'printf "%s\\n" "$@" "$GREETING"; exit 5', 'sh', ...hostile]
      const done = await driver.exec(made.owner, made.it, argv, { GREETING: 'a "b" $c' }, 10_000)
      expect(done).toEqual({ exitCode: 5, output: [...hostile, 'a "b" $c', ''].join('\n') })
      expect(await driver.exec(made.owner, made.it, ['no-such-command'], {}, 10_000)).toMatchObject({ exitCode: 127 })
    })

    test('keeps the last 2 KB of any output', async () => {
      const made = await running()
      const { exitCode, output } = await driver.exec(made.owner, made.it, ['sh', '-c', 'yes | head -c 3000000; echo the end'], {}, 20_000)
      expect([exitCode, output.length, output.slice(-8)]).toEqual([0, 2048, 'the end\n'])
    })

    test('ends a command whose time is up', async () => {
      const made = await running()
      const began = performance.now()
      const done = await driver.exec(made.owner, made.it, ['sh', '-c', 'echo $$ > pid; echo waits; sleep 60; true'], {}, 1000)
      expect(done).toEqual({ exitCode: 124, output: 'waits\n' })
      expect(performance.now() - began).toBeLessThan(8000)
      const alive = await driver.exec(made.owner, made.it, ['sh', '-c', 'kill -0 "$(cat pid)"'], {}, 5000)
      expect(alive.exitCode).not.toBe(0)
    })

    test('stopped and started again it is the same: files, host key, port', async () => {
      const made = await running()
      await login(made.target, 'echo kept > note')
      await driver.stop(made.owner, made.it)
      expect((await driver.list(made.owner)).containers).toMatchObject([{ state: 'exited', started: true, port: made.target.port }])
      await expect(login(made.target, 'true')).rejects.toThrow()
      await expect(driver.exec(made.owner, made.it, ['true'], {}, 1000)).rejects.toMatchObject({ code: 'exited' })
      await driver.stop(made.owner, made.it)
      await driver.start(made.owner, made.it)
      await driver.start(made.owner, made.it)
      expect(await stateOf(made.owner)).toBe('running')
      expect(await eventually(() => login(made.target, 'cat note'))).toMatchObject({ out: 'kept\n' })
    })

    test('removes with everything, and again without complaint', async () => {
      const made = await running()
      await Promise.all([driver.remove(made.owner, made.spec), driver.remove(made.owner, made.spec)])
      await driver.remove(made.owner, made.spec)
      expect(await driver.list(made.owner)).toEqual({ containers: [], foreign: expect.any(Number), foreignGpus: expect.any(Array) })
      expect(await subject.leftovers(made.spec.allocation)).toEqual([])
      await expect(login(made.target, 'true')).rejects.toThrow()
      const gone = { name: 'DriverError', code: 'container_missing' }
      await expect(driver.start(made.owner, made.it)).rejects.toMatchObject(gone)
      await expect(driver.stop(made.owner, made.it)).rejects.toMatchObject(gone)
      await expect(driver.exec(made.owner, made.it, ['true'], {}, 1000)).rejects.toMatchObject(gone)
    })

    test('remembers what a container is', async () => {
      const made = await running({ gpus: ['GPU-a', 'GPU-b'], incarnation: 7 })
      const { allocation, gpus, hostKey, trace } = made.spec
      const { containers } = await driver.list(made.owner)
      expect(containers).toEqual([
        { allocation, incarnation: 7, gpus, hostKey, trace, port: made.target.port, state: 'running', exitCode: null, started: true },
      ])
    })

    test('two owners on one engine never see or touch each other', async () => {
      const [one, two] = [await running(), await running()]
      for (const [mine, other] of [
        [one, two],
        [two, one],
      ] as const) {
        const seen = await driver.list(mine.owner)
        expect(seen.containers.map((c) => c.allocation)).toEqual([mine.spec.allocation])
        expect(seen.foreign).toBeGreaterThanOrEqual(1)
        await driver.remove(mine.owner, other.spec)
        await expect(driver.stop(mine.owner, other.it)).rejects.toMatchObject({ code: 'container_missing' })
        await expect(driver.exec(mine.owner, other.it, ['true'], {}, 1000)).rejects.toMatchObject({ code: 'container_missing' })
        await expect(driver.run(mine.owner, other.spec)).rejects.toMatchObject({ code: 'engine_error' })
      }
      expect(await login(one.target, 'echo here')).toMatchObject({ out: 'here\n' })
      expect(await login(two.target, 'echo here')).toMatchObject({ out: 'here\n' })
    })

    test('running the same incarnation twice is one container', async () => {
      const made = await running()
      expect(await driver.run(made.owner, made.spec)).toEqual({ port: made.target.port })
      expect((await driver.list(made.owner)).containers).toHaveLength(1)
      const other = { ...made.spec, hostKey: keyPair().public }
      await expect(driver.run(made.owner, other)).rejects.toMatchObject({ code: 'engine_error', message: expect.stringMatching(/host key/) })
      expect(await login(made.target, 'echo here')).toMatchObject({ out: 'here\n' })
    })

    test('takes the next port when one is taken', async () => {
      const [taken = 0, free = 0] = await freePorts(2)
      const release = await holdPort(taken)
      try {
        const made = await running({ ports: [taken, free] })
        expect(made.target.port).toBe(free)
        expect((await driver.list(made.owner)).containers).toMatchObject([{ port: free }])
      } finally {
        await release?.()
      }
    })

    test('says no_port when all are taken, also by its own kind, and leaves nothing', async () => {
      const first = await running()
      const [taken = 0] = await freePorts(1)
      const release = await holdPort(taken)
      try {
        const { spec: next } = await spec({ ports: [first.target.port, taken] })
        await expect(driver.run(first.owner, next)).rejects.toMatchObject({ name: 'DriverError', code: 'no_port' })
        expect(await subject.leftovers(next.allocation)).toEqual([])
      } finally {
        await release?.()
      }
    })

    test('given up at any moment it leaves nothing', async () => {
      const o = owner()
      let refused = 0
      for (const afterMs of [0, 2, 10, 30, 60, 120, 200]) {
        const { spec: one } = await spec()
        const stop = new AbortController()
        const made = driver.run(o, one, stop.signal).then(
          () => true,
          (error: unknown) => expect(error).toMatchObject({ name: 'DriverError', message: expect.stringMatching(/given up/) }),
        )
        if (afterMs === 0) stop.abort(new Error('enough'))
        else void sleep(afterMs).then(() => stop.abort(new Error('enough')))
        if ((await made) === true) await driver.remove(o, one)
        else refused++
        expect(await subject.leftovers(one.allocation)).toEqual([])
      }
      expect(refused).toBeGreaterThan(2)
    })

    test('tells when something may have changed, until told to stop', async () => {
      const o = owner()
      const { spec: one, target } = await spec()
      const stop = new AbortController()
      const it = { ...one, port: target.port }
      let calls = 0
      const watching = driver.watch(o, () => calls++, stop.signal)
      await eventually(() => expect(calls).toBeGreaterThan(0))
      for (const change of [() => driver.run(o, one), () => driver.stop(o, it), () => driver.start(o, it), () => driver.remove(o, one)]) {
        const before = calls
        await change()
        await eventually(() => expect(calls).toBeGreaterThan(before))
      }
      stop.abort()
      await watching
    })
  })
}
