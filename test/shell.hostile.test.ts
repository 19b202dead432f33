import type { Connection, ServerChannel, Session } from 'ssh2'
import { describe, expect, test } from 'vitest'
import { idOf, inner } from './support/hosts.ts'
import { alive, allOf, codeOf, commands, hello, loggedIn, patience, soon } from './support/shells.ts'
import { until } from './support/until.ts'

/** Hosts that let us in, and are hostile then. */

const KB = 1024
const MB = 1024 * KB

/** Does this again and again for as long as the other side takes what comes of it. */
function again(client: Connection, act: () => void): void {
  const { _sock: socket } = inner(client)
  const round = () => {
    for (let i = 0; i < 64 && !socket.destroyed; i++) act()
    if (socket.destroyed) return
    if (socket.writableLength > MB) socket.once('drain', round)
    else setImmediate(round)
  }
  round()
}

describe('a command of a hostile host', () => {
  /** Of no size that the window is a multiple of. */
  const chunk = Buffer.alloc(30_001, 'x')

  test('that floods past what it may send is cut off', async () => {
    const login = await loggedIn(commands((channel, client) => again(client, () => inner(client)._protocol.channelData(idOf(channel), chunk))))
    const run = await login.run('flood', patience())
    expect(await run.ended).toBeNull()
    await expect(run.write('x')).rejects.toMatchObject({ code: 'broken', message: expect.stringContaining('more than it is allowed') })
  })

  test('that floods its errors is heard to the bound of a connection, and the end is kept', async () => {
    const login = await loggedIn(commands((channel, client) => again(client, () => inner(client)._protocol.channelExtData(idOf(channel), chunk, 1))))
    const run = await login.run('flood', patience())
    await expect(allOf(run)).rejects.toMatchObject({ code: 'broken', message: expect.stringContaining('sent more than') })
    expect(run.errors()).toBe('x'.repeat(2048))
  })

  test('that talks on and on and is read is bounded too', async () => {
    const login = await loggedIn(commands((channel, client) => again(client, () => inner(client)._protocol.channelData(idOf(channel), chunk))))
    const run = await login.run('flood', patience())
    let read = 0
    const reading = async () => {
      for await (const bytes of run.output) read += bytes.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'broken' })
    expect(read).toBeLessThan(130 * MB)
  })

  test('that gives every byte a packet of its own is cut off long before it has kept us busy', async () => {
    const one = Buffer.from('x')
    const login = await loggedIn(commands((channel, client) => again(client, () => inner(client)._protocol.channelData(idOf(channel), one))))
    const run = await login.run('flood', patience())
    await expect(allOf(run)).rejects.toMatchObject({ code: 'broken', message: expect.stringContaining('says nothing') })
  })

  test('that says it has ended, but holds on, has ended; what it says later still comes', async () => {
    const held: ServerChannel[] = []
    const closed: string[] = []
    const login = await loggedIn(
      commands((channel, client) => {
        held.push(channel.on('close', () => closed.push('closed')))
        inner(client)._protocol.exitStatus(idOf(channel), 5)
      }),
    )
    const run = await login.run('linger', patience())
    expect(await run.ended).toBe(5)
    held[0]?.write('late')
    for await (const bytes of run.output) {
      expect(Buffer.from(bytes).toString()).toBe('late')
      break
    }
    run.close()
    held[0]?.resume()
    await until('its close to be heard', () => closed.length > 0)
  })

  test('that ends without a word is over, with no code', async () => {
    const login = await loggedIn(commands((channel, client) => inner(client)._protocol.channelClose(idOf(channel))))
    const run = await login.run('vanish', patience())
    expect(await allOf(run)).toBe('')
    expect(await run.ended).toBeNull()
    await expect(run.write('x')).rejects.toMatchObject({ code: 'broken' })
  })

  test('whose host leaves gives what had come, and is broken then', async () => {
    const login = await loggedIn(
      commands((channel, client) => {
        channel.write('partial')
        client.end()
      }),
    )
    const run = await login.run('leave', patience())
    const heard: string[] = []
    const reading = async () => {
      for await (const bytes of run.output) heard.push(Buffer.from(bytes).toString())
    }
    await expect(reading()).rejects.toMatchObject({ name: 'ShellError', code: 'broken' })
    expect(heard.join('')).toBe('partial')
    expect(await run.ended).toBeNull()
  })

  test('that takes no input holds us up, until it is closed', async () => {
    const login = await loggedIn(commands((channel) => void channel.pause()))
    const run = await login.run('deaf', patience())
    const writing = (async () => {
      for (let i = 0; i < 200; i++) await run.write('x'.repeat(MB / 4))
    })()
    const outcome = codeOf(writing)
    await login.run('another', patience())
    run.close()
    expect(await outcome).toBe('broken')
  })

  test.each<[string, (session: Session) => void, string]>([
    ['is never taken', (session) => void session.on('exec', () => undefined), 'timeout'],
    ['is refused', (session) => void session.on('exec', (_accept, reject) => reject()), 'failed'],
  ])('that %s is said to be that', async (_, session, code) => {
    const login = await loggedIn({ session })
    expect(await codeOf(login.run('x', code === 'timeout' ? soon() : patience()))).toBe(code)
  })

  test('that is taken when nobody waits any more is closed', async () => {
    const late: (() => ServerChannel)[] = []
    const closed: string[] = []
    const login = await loggedIn({
      session: (session) =>
        session.on('exec', (accept, _reject, { command }) => {
          if (command === 'hello') hello(accept())
          else late.push(accept)
        }),
    })
    expect(await codeOf(login.run('x', soon()))).toBe('timeout')
    late[0]?.()
      .on('close', () => closed.push('closed'))
      .resume()
    await until('its end', () => closed.length > 0)
    await alive(login)
  })

  test('is not started at a host that opens no session', async () => {
    const login = await loggedIn({ client: (client) => client.removeAllListeners('session') })
    expect(['failed', 'timeout']).toContain(await codeOf(login.run('x', soon())))
  })
})

describe('a host that asks', () => {
  test('for thousands of channels, to an agent too, gets none, and the login lives', async () => {
    const answers: string[] = []
    const login = await loggedIn(
      commands((channel, client, command) => {
        if (command === 'hello') return hello(channel)
        const { _protocol: protocol } = inner(client)
        protocol._handlers.CHANNEL_OPEN_CONFIRMATION = () => void answers.push('opened')
        protocol._handlers.CHANNEL_OPEN_FAILURE = () => void answers.push('refused')
        for (let i = 0; i < 1000; i++) {
          protocol.openssh_authAgent(10_000 + i, MB, 32 * KB)
          protocol.x11(20_000 + i, MB, 32 * KB, { originAddr: 'x', originPort: 1 })
          protocol.forwardedTcpip(30_000 + i, MB, 32 * KB, { boundAddr: 'x', boundPort: 1, remoteAddr: 'x', remotePort: 1 })
        }
      }),
    )
    await login.run('open', patience())
    await until('an answer to each', () => answers.length === 3000)
    expect(new Set(answers)).toEqual(new Set(['refused']))
    await alive(login)
  })

  test('thousands of times whether we are there is answered, and the login lives', async () => {
    const login = await loggedIn(
      commands((channel, client) => {
        for (let i = 0; i < 2000; i++) inner(client)._protocol.ping()
        hello(channel)
      }),
    )
    await alive(login)
    await alive(login)
  })

  test('on and on, and reads no answer, is left', async () => {
    const login = await loggedIn(
      commands((_channel, client) => {
        inner(client)._sock.pause()
        again(client, () => inner(client)._protocol.ping())
      }),
    )
    const run = await login.run('deaf', patience())
    await expect(allOf(run)).rejects.toMatchObject({ code: 'broken', message: expect.stringMatching(/reads no answer|says nothing/) })
  })
})
