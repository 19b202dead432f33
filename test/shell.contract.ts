import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SshDoor, SshLogin } from '../node-agents/core/ports.ts'
import { allOf, LONG_MS, patience, shell } from './support/shells.ts'
import { keyPair } from './support/ssh.ts'
import type { Door } from './support/sshd.ts'
import { until } from './support/until.ts'

const MB = 1024 * 1024

/** What every server that hosts a machine to be proved must be good for, by the only door we use. */
export function shellContract(name: string, start: () => Promise<Door>): void {
  describe(`the shell against ${name}`, () => {
    let at: Door
    let door: SshDoor
    beforeAll(async () => {
      at = await start()
      door = at.door
    })
    afterAll(() => at?.stop())

    /** A login that is closed when the work is done. */
    async function within<T>(work: (login: SshLogin) => Promise<T>): Promise<T> {
      const login = await shell.login(door, at.privateKey, LONG_MS, patience())
      return work(login).finally(() => login.close())
    }
    const say = (login: SshLogin, command: string) => login.run(command, patience()).then(allOf)

    test('greets whoever holds the pinned key, and says how long it took', async () => {
      const ms = await shell.greet(door, LONG_MS, patience())
      expect(ms).toBeGreaterThan(0)
      expect(ms).toBeLessThan(LONG_MS)
    })

    test('greets and enters nobody else', async () => {
      const other = { ...door, hostKey: keyPair().public }
      const wrong = { code: 'wrong_host_key' }
      await expect(shell.greet(other, LONG_MS, patience())).rejects.toMatchObject(wrong)
      await expect(shell.login(other, at.privateKey, LONG_MS, patience())).rejects.toMatchObject(wrong)
    })

    test('a key that is not let in is refused', async () => {
      await expect(shell.login(door, keyPair().private, LONG_MS, patience())).rejects.toMatchObject({ name: 'ShellError', code: 'refused' })
    })

    test('runs a command with its input, both outputs and its exit code', async () => {
      await within(async (login) => {
        const run = await login.run('read line; echo "got $line"; echo bad >&2; exit 7', patience())
        await run.write('some words\n')
        expect(await allOf(run)).toBe('got some words\n')
        expect(await run.ended).toBe(7)
        await until('its errors', () => run.errors() === 'bad\n')
      })
    })

    test('a command that was killed has no exit code', async () => {
      await within(async (login) => {
        const run = await login.run('kill -KILL $$', patience())
        expect(await allOf(run)).toBe('')
        expect(await run.ended).toBeNull()
      })
    })

    test('uploads a file as it is, for its owner alone, in a folder made for it', async () => {
      await within(async (login) => {
        const content = randomBytes(300_000)
        const folder = `/tmp/shell-${randomBytes(6).toString('hex')}`
        await login.upload(`${folder}/file`, content, patience())
        expect(await say(login, `stat -c %a ${folder} ${folder}/file`)).toBe('700\n600\n')
        expect(Buffer.from(await say(login, `base64 ${folder}/file`), 'base64').equals(content)).toBe(true)
        await say(login, `chmod 644 ${folder}/file`)
        await login.upload(`${folder}/file`, Buffer.from('again'), patience())
        expect(await say(login, `stat -c %a ${folder}/file; cat ${folder}/file; rm -r ${folder}`)).toBe('600\nagain')
      })
    })

    test('a name that begins nowhere is where commands begin too', async () => {
      await within(async (login) => {
        const folder = `.shell-${randomBytes(6).toString('hex')}`
        await login.upload(`${folder}/file`, Buffer.from('found'), patience())
        expect(await say(login, `cat ${folder}/file; rm -r ${folder}`)).toBe('found')
      })
    })

    test('an upload that the host cannot take fails, and the login lives', async () => {
      await within(async (login) => {
        const upload = login.upload('/proc/nowhere/file', Buffer.from('x'), patience())
        await expect(upload).rejects.toMatchObject({ name: 'ShellError', code: 'failed', message: expect.stringContaining('/proc/nowhere/file') })
        expect(await say(login, 'echo here')).toBe('here\n')
      })
    })

    test('many commands at once, one after the other, and a long one in between', async () => {
      await within(async (login) => {
        const long = await login.run('cat', patience())
        const all = Array.from({ length: 8 }, (_, i) => say(login, `echo ${i}`))
        expect(await Promise.all(all)).toEqual(Array.from({ length: 8 }, (_, i) => `${i}\n`))
        for (let i = 0; i < 30; i++) expect(await say(login, `echo ${i}`)).toBe(`${i}\n`)
        await long.write('still here\n')
        for await (const bytes of long.output) {
          expect(Buffer.from(bytes).toString()).toBe('still here\n')
          break
        }
      })
    })

    test('what nobody reads is held up on the other side, and nothing of it is lost', async () => {
      await within(async (login) => {
        const size = 48 * MB
        const run = await login.run(`head -c ${size} /dev/zero`, patience())
        // Whatever it was let to send has come before this answer.
        for (let i = 0; i < 20; i++) await say(login, 'true')
        const before = process.memoryUsage().arrayBuffers
        let read = 0
        for await (const bytes of run.output) read += bytes.length
        expect(read).toBe(size)
        expect(before).toBeLessThan(24 * MB)
      })
    })

    test('of endless errors the end is kept', async () => {
      await within(async (login) => {
        const run = await login.run('head -c 3000000 /dev/zero | tr "\\0" x >&2; echo end >&2', patience())
        expect(await allOf(run)).toBe('')
        await until('the last of them', () => run.errors().endsWith('xend\n'))
        expect(run.errors()).toHaveLength(2048)
      })
    })

    test('closing a command ends it on the other side, and the login lives', async () => {
      await within(async (login) => {
        const run = await login.run('echo $$; exec cat', patience())
        const reader = run.output[Symbol.asyncIterator]()
        const first = await reader.next()
        const pid = Buffer.from(first.value as Uint8Array)
          .toString()
          .trim()
        run.close()
        await expect(reader.next()).rejects.toMatchObject({ name: 'ShellError', code: 'broken' })
        await expect(run.write('x')).rejects.toMatchObject({ code: 'broken' })
        expect(await run.ended).toBeNull()
        await until('its end', async () => (await say(login, `kill -0 ${pid} 2>/dev/null || echo gone`)) === 'gone\n')
      })
    })

    test('closing the login breaks all it carries', async () => {
      const login = await shell.login(door, at.privateKey, LONG_MS, patience())
      const run = await login.run('cat', patience())
      const reading = allOf(run)
      await Promise.all([login.close(), expect(reading).rejects.toMatchObject({ code: 'broken' })])
      await login.close()
      expect(await run.ended).toBeNull()
      await expect(run.write('x')).rejects.toMatchObject({ code: 'broken' })
      await expect(login.run('true', patience())).rejects.toMatchObject({ code: 'broken' })
      await expect(login.upload('/tmp/x/y', Buffer.from('x'), patience())).rejects.toMatchObject({ code: 'broken' })
    })

    test('a signal stops whatever is under way, with its own reason or as the time being up', async () => {
      const over = AbortSignal.abort()
      const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'))
      const aborted = { name: 'AbortError' }
      const timeout = { name: 'ShellError', code: 'timeout' }
      await expect(shell.greet(door, LONG_MS, over)).rejects.toMatchObject(aborted)
      await expect(shell.login(door, at.privateKey, LONG_MS, late)).rejects.toMatchObject(timeout)
      await within(async (login) => {
        await expect(login.run('true', over)).rejects.toMatchObject(aborted)
        await expect(login.upload('/tmp/x/y', Buffer.from('x'), late)).rejects.toMatchObject(timeout)
        expect(await say(login, 'echo here')).toBe('here\n')
      })
    })
  })
}
