import { beforeAll, describe, expect, test } from 'vitest'
import type { ContainerIdentity, Driver, Owner } from '../node-agents/core/ports.ts'
import { fixture, type Subject } from './support/contract.ts'
import { eventually } from './support/eventually.ts'
import { type Held, hold, keyPair, login, type Target } from './support/ssh.ts'

const echoes = async (held: Held, text: string) => {
  held.write(text)
  await eventually(() => expect(held.said).toContain(text))
}

/** A session that answers what it is told, and the proof that it does. */
async function holding(target: Target): Promise<Held> {
  const held = await hold(target, 'cat')
  await echoes(held, 'before\n')
  return held
}

/** Takes no login: there is nobody who greets. */
const silent = (target: Target) => expect(login(target, 'true', { readyTimeout: 700 })).rejects.toThrow()

/** What every driver must do with a container that lives. */
export function actsContract(name: string, setup: () => Promise<Subject>): void {
  describe(`acts of driver ${name}`, () => {
    const f = fixture(setup)
    const { running, stateOf } = f
    let driver: Driver
    beforeAll(() => {
      driver = f.subject.driver
    })

    test('paused it is silent, and an open session goes on afterwards', async () => {
      const made = await running()
      const held = await holding(made.target)
      await driver.pause(made.owner, made.it)
      await driver.pause(made.owner, made.it)
      expect(await stateOf(made.owner)).toBe('paused')
      held.write('while paused\n')
      await silent(made.target)
      expect(held.said).not.toContain('while paused')
      await driver.unpause(made.owner, made.it)
      await driver.unpause(made.owner, made.it)
      expect(await stateOf(made.owner)).toBe('running')
      await eventually(() => expect(held.said).toContain('while paused\n'))
      await echoes(held, 'after\n')
      held.end()
      expect(await eventually(() => login(made.target, 'echo here'))).toMatchObject({ out: 'here\n' })
    })

    test('a paused one is started, stopped and removed like any other', async () => {
      const made = await running()
      await driver.pause(made.owner, made.it)
      await driver.start(made.owner, made.it)
      expect(await stateOf(made.owner)).toBe('running')
      await eventually(() => login(made.target, 'true'))
      await driver.pause(made.owner, made.it)
      await driver.stop(made.owner, made.it)
      expect(await stateOf(made.owner)).toBe('exited')
      await driver.start(made.owner, made.it)
      expect(await eventually(() => login(made.target, 'echo here'))).toMatchObject({ out: 'here\n' })
      await driver.pause(made.owner, made.it)
      await driver.remove(made.owner, made.spec)
      expect(await f.subject.leftovers(made.spec.allocation)).toEqual([])
    })

    test('pause and unpause of what does not run say so', async () => {
      const made = await running()
      await driver.stop(made.owner, made.it)
      for (const act of [driver.pause, driver.unpause]) await expect(act(made.owner, made.it)).rejects.toMatchObject({ name: 'DriverError', code: 'exited' })
      await driver.remove(made.owner, made.it)
      for (const act of [driver.pause, driver.unpause]) await expect(act(made.owner, made.it)).rejects.toMatchObject({ code: 'container_missing' })
    })

    test('rekeyed it refuses the old key at once and takes the new one; host key and open sessions stay', async () => {
      const made = await running()
      const held = await holding(made.target)
      const [next, more] = [keyPair(), keyPair()]
      await driver.rekey(made.owner, made.it, [next.public, `${more.public} laptop`], false)
      await expect(login(made.target, 'true')).rejects.toThrow(/authentication methods failed/)
      for (const { private: privateKey } of [next, more]) expect(await login({ ...made.target, privateKey }, 'echo new')).toMatchObject({ out: 'new\n' })
      await echoes(held, 'still here\n')
      held.end()
    })

    test('a rekey can end every open session, what hangs on them too, and leaves the rest running', async () => {
      const made = await running()
      const [held, other] = [await holding(made.target), await hold(made.target, 'sleep 300')]
      await login(made.target, 'nohup sleep 301 >/dev/null 2>&1 & echo $! > kept')
      const next = keyPair()
      await driver.rekey(made.owner, made.it, [next.public], true)
      await Promise.all([held.closed, other.closed])
      await expect(login(made.target, 'true')).rejects.toThrow(/authentication methods failed/)
      const fresh = { ...made.target, privateKey: next.private }
      expect(await login(fresh, 'kill -0 "$(cat kept)" && echo kept')).toMatchObject({ out: 'kept\n' })
      const hung = await driver.exec(made.owner, made.it, ['sh', '-c', 'grep -lsxz "300" /proc/[0-9]*/cmdline; true'], {}, 5000)
      expect(hung.output, 'what a session ran in the foreground was hung up on').toBe('')
      expect(await stateOf(made.owner)).toBe('running')
      await driver.rekey(made.owner, made.it, [next.public], true)
      expect(await login(fresh, 'echo here')).toMatchObject({ out: 'here\n' })
    })

    test('keys are replaced while it is paused, but no session ends then', async () => {
      const made = await running()
      const held = await holding(made.target)
      const next = keyPair()
      await driver.pause(made.owner, made.it)
      await expect(driver.rekey(made.owner, made.it, [next.public], true)).rejects.toMatchObject({ code: 'engine_error', message: /paused/ })
      await driver.rekey(made.owner, made.it, [next.public], false)
      await driver.unpause(made.owner, made.it)
      await echoes(held, 'still here\n')
      held.end()
      await expect(login(made.target, 'true')).rejects.toThrow(/authentication methods failed/)
      expect(await login({ ...made.target, privateKey: next.private }, 'echo new')).toMatchObject({ out: 'new\n' })
    })

    test('a rekey takes nothing that is not a key', async () => {
      const made = await running()
      await expect(driver.rekey(made.owner, made.it, [`command="id" ${keyPair().public}`], false)).rejects.toMatchObject({ code: 'unsupported' })
      expect(await login(made.target, 'echo here')).toMatchObject({ out: 'here\n' })
    })

    test('acts on what is not there say so, and never touch what another agent has', async () => {
      const [mine, other] = [await running(), await running()]
      const gone = { ...mine.it, incarnation: 9 }
      for (const it of [gone, other.it])
        for (const act of [driver.pause, driver.unpause, (o: Owner, c: ContainerIdentity) => driver.rekey(o, c, [keyPair().public], true)])
          await expect(act(mine.owner, it)).rejects.toMatchObject({ name: 'DriverError', code: 'container_missing' })
      expect(await login(other.target, 'echo here')).toMatchObject({ out: 'here\n' })
    })

    test('tells how much room there is, and what a container has written', async () => {
      const made = await running()
      const before = await driver.space()
      expect(before.freeMb).toBeGreaterThan(0)
      expect(before.totalMb).toBeGreaterThanOrEqual(before.freeMb)
      await login(made.target, 'head -c 6000000 /dev/zero > big; sync')
      const { allocation, incarnation } = made.spec
      const [one, ...more] = await driver.written(made.owner)
      expect([one, more]).toMatchObject([{ allocation, incarnation }, []])
      expect(one?.mb).toBeGreaterThanOrEqual(6)
      expect(one?.mb).toBeLessThan(100)
    })
  })
}
