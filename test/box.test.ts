import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ssh2 from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { boxDriver } from '../local/box/driver.ts'
import { newOwner, newSpec } from './support/container.ts'
import { eventually } from './support/eventually.ts'
import { keyPair, login, type Target } from './support/ssh.ts'

/** What is special about boxes: they are processes, and processes die, linger and lend their pids. */

const DRIVER = fileURLToPath(new URL('../local/box/driver.ts', import.meta.url))

/** A shell on a terminal: types, and waits until the screen shows something. */
async function terminal(target: Target) {
  const client = new ssh2.Client()
  const { promise, resolve, reject } = Promise.withResolvers<ssh2.ClientChannel>()
  client.on('error', reject).on('ready', () => client.shell({ term: 'xterm' }, (error, stream) => (error ? reject(error) : resolve(stream))))
  client.connect({ host: '127.0.0.1', port: target.port, username: 'root', privateKey: target.privateKey })
  const stream = await promise
  let screen = ''
  stream.on('data', (bytes: Buffer) => (screen += bytes.toString()))
  return {
    type: (text: string) => stream.write(text),
    shows: (text: string) => eventually(() => expect(screen).toContain(text)),
    closed: once(stream, 'close'),
    end: () => client.end(),
  }
}

describe('box', () => {
  let root: string
  const owner = newOwner()
  const driver = () => boxDriver({ root })
  const running = async () => {
    const { spec, target } = await newSpec('any')
    const { port } = await driver().run(owner, spec)
    return { spec, target: { ...target, port }, it: { ...spec, port }, folder: join(root, `${spec.allocation}-1`) }
  }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'box-'))
  })
  afterEach(async () => {
    for (const c of (await driver().list(owner)).containers) await driver().remove(owner, c)
    await rm(root, { recursive: true, force: true })
  })

  test('what a command said on stderr comes whole, however late it is taken', async () => {
    const { target, folder } = await running()
    const client = new ssh2.Client()
    const { promise, resolve, reject } = Promise.withResolvers<ssh2.ClientChannel>()
    client.on('error', reject).on('ready', () => {
      // More than one window, and less than the windows of both ends.
      client.exec('head -c 4000000 /dev/zero >&2; echo $$ > over', (error, stream) => (error ? reject(error) : resolve(stream)))
    })
    client.connect({ host: '127.0.0.1', port: target.port, username: 'root', privateKey: target.privateKey })
    try {
      const stream = await promise
      const pid = await eventually(async () => {
        const text = await readFile(join(folder, 'home', 'over'), 'utf8')
        expect(text).toMatch(/^[0-9]+\n$/)
        return text.trim()
      })
      await eventually(() => expect(access(`/proc/${pid}`)).rejects.toThrow())
      await login(target, 'true') // so that its server has heard of the end
      let taken = 0
      stream.resume().stderr.on('data', (bytes: Buffer) => (taken += bytes.length))
      await once(stream, 'close')
      expect(taken).toBe(4_000_000)
    } finally {
      client.end()
    }
  })

  test('outlives the agent that made it', async () => {
    const { spec, target } = await newSpec('any')
    const script = `import { boxDriver } from ${JSON.stringify(DRIVER)}
      console.log((await boxDriver({ root: ${JSON.stringify(root)} }).run(${JSON.stringify(owner)}, ${JSON.stringify(spec)})).port); setInterval(() => {}, 1000)`
    const agent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [port] = (await once(agent.stdout, 'data')) as [Buffer]
    agent.kill('SIGKILL')
    await once(agent, 'exit')
    expect((await driver().list(owner)).containers).toMatchObject([{ allocation: spec.allocation, state: 'running' }])
    expect(await login({ ...target, port: Number(port) }, 'echo here')).toMatchObject({ out: 'here\n' })
  })

  test('a dead one is exited, and starts again', async () => {
    const { spec, target, it, folder } = await running()
    const { pid } = JSON.parse(await readFile(join(folder, 'box.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await eventually(async () => expect((await driver().list(owner)).containers).toMatchObject([{ state: 'exited', started: true }]))
    await driver().start(owner, it)
    expect(await login(target, 'echo here')).toMatchObject({ out: 'here\n' })
    expect(spec.incarnation).toBe(1)
  })

  test('never takes a recycled pid for its own', async () => {
    const { it, folder } = await running()
    await driver().stop(owner, it)
    const innocent = spawn('sleep', ['60'])
    try {
      const record = JSON.parse(await readFile(join(folder, 'box.json'), 'utf8')) as object
      await writeFile(join(folder, 'box.json'), JSON.stringify({ ...record, pid: innocent.pid }))
      expect((await driver().list(owner)).containers).toMatchObject([{ state: 'exited' }])
      await driver().remove(owner, it)
      expect([innocent.exitCode, innocent.signalCode]).toEqual([null, null])
      expect(process.kill(innocent.pid ?? 0, 0)).toBe(true)
    } finally {
      innocent.kill('SIGKILL')
    }
  })

  test('a damaged one is told of once and hides no other', async () => {
    const [damaged, whole] = [await running(), await running()]
    const record = await readFile(join(damaged.folder, 'box.json'), 'utf8')
    await writeFile(join(damaged.folder, 'box.json'), '{')
    const said: string[] = []
    const driver = boxDriver({ root, warn: (text) => said.push(text) })
    for (let i = 0; i < 2; i++) expect(await driver.list(owner)).toMatchObject({ containers: [{ allocation: whole.spec.allocation }], foreign: 1 })
    await driver.remove(owner, whole.it)
    expect(said).toEqual([expect.stringMatching(/box\.json is damaged\. Remove its folder/)])
    await writeFile(join(damaged.folder, 'box.json'), record)
  })

  test('no variable of a client takes a command out of its box', async () => {
    const { it } = await running()
    const { output } = await driver().exec(owner, it, ['sh', '-c', 'echo $COMPUTE_BOX $MORE'], { COMPUTE_BOX: 'mine', MORE: 'too' }, 5000)
    expect(output).toMatch(/^[0-9a-f-]{36} too\n$/)
  })

  test('remove ends what sessions left running', async () => {
    const { target, it, folder } = await running()
    await login(target, 'nohup sleep 300 > /dev/null 2>&1 & echo $! > pid')
    const pid = Number(await readFile(join(folder, 'home', 'pid'), 'utf8'))
    expect(process.kill(pid, 0)).toBe(true)
    await driver().remove(owner, it)
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow(/ESRCH/))
  })

  test('ends when its folder is deleted by hand', async () => {
    const { target, folder } = await running()
    await rm(folder, { recursive: true })
    await eventually(() => expect(login(target, 'true')).rejects.toThrow(/ECONNREFUSED/))
  })

  test('reads its keys at each login', async () => {
    const { target, folder } = await running()
    const next = keyPair()
    await writeFile(join(folder, 'authorized_keys'), `${next.public}\n`)
    expect(await login({ ...target, privateKey: next.private }, 'echo new')).toMatchObject({ out: 'new\n' })
    await expect(login(target, 'true')).rejects.toThrow(/authentication methods failed/)
  })

  test('gives sessions a home and nothing of the agent', async () => {
    process.env['AGENT_SECRET'] = 'hunter2'
    try {
      const { target, folder } = await running()
      const { out } = await login(target, 'pwd; env')
      expect(out.split('\n')[0]).toBe(join(folder, 'home'))
      expect(out).not.toContain('hunter2')
    } finally {
      delete process.env['AGENT_SECRET']
    }
  })

  test('a shell on a terminal echoes, edits, interrupts and ends', async () => {
    const { target, folder } = await running()
    const shell = await terminal(target)
    shell.type('echo $((40 + 3\u007f2)) $TERM\r')
    await shell.shows('42 xterm\r\n')
    shell.type('touch began; sleep 100\r')
    await eventually(() => access(join(folder, 'home', 'began')))
    shell.type('\u0003')
    await shell.shows('^C\r\n')
    shell.type('echo b$((1 + 1))ck\r')
    await shell.shows('b2ck\r\n')
    shell.type('\u0004')
    await shell.closed
    shell.end()
  })
})
