import type { Socket } from 'node:net'
import ssh2, { type Algorithms } from 'ssh2'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SshDoor } from '../node-agents/core/ports.ts'
import { forEver, rawHost, sshHost, type SshHostOptions } from './support/hosts.ts'
import { codeOf, kept, LONG_MS, patience, shell, SHORT_MS } from './support/shells.ts'
import { freePorts, keyPair } from './support/ssh.ts'
import { hasSshd, startSshd } from './support/sshd.ts'
import { until } from './support/until.ts'
import { kexInit, type Lists, offerOf, packet, WILLING } from './support/wire-ssh.ts'

/** Hosts that are hostile before anybody has logged in. */

const VERSION = 'SSH-2.0-host\r\n'
const { hostKey, privateKey } = (({ public: hostKey, private: privateKey }) => ({ hostKey, privateKey }))(keyPair())
const doorOf = ({ port }: { port: number }): SshDoor => ({ host: '127.0.0.1', port, user: 'root', hostKey })

const hosting = (options: SshHostOptions = {}) => kept(sshHost(options))
const raw = (serve: (socket: Socket) => void) => kept(rawHost(serve))

const ignore = packet(Buffer.concat([Buffer.from([2, 0, 0, 0x70, 0]), Buffer.alloc(0x7000)]))
const says =
  (...parts: (string | Uint8Array)[]) =>
  (socket: Socket) =>
    parts.forEach((part) => socket.write(part))

describe('a host that is none', () => {
  test.each<[string, (socket: Socket) => void, string[]]>([
    ['says nothing', () => undefined, ['timeout']],
    ['greets and sleeps', says(VERSION), ['timeout']],
    ['begins the exchange and sleeps', says(VERSION, kexInit(WILLING)), ['timeout']],
    ['says half a line and sleeps', says('SSH-2.0-ho'), ['timeout']],
    ['has a banner of lines that never ends', (s) => forEver(s, Buffer.from('welcome\r\n'.repeat(1000))), ['timeout', 'broken']],
    ['has a banner of one line that never ends', (s) => forEver(s, Buffer.alloc(65_536, 'x')), ['timeout', 'broken']],
    ['has an exchange that never ends', (s) => void (says(VERSION, kexInit(WILLING))(s), forEver(s, ignore)), ['timeout', 'broken']],
    ['begins the exchange again and again', (s) => void (says(VERSION)(s), forEver(s, kexInit(WILLING))), ['broken']],
    ['sends a packet of 4 GB', says(VERSION, Buffer.alloc(64, 0xff)), ['broken']],
    ['sends a packet with no type', says(VERSION, packet(Buffer.alloc(0))), ['broken', 'timeout']],
    ['sends noise', (s) => void (says(VERSION)(s), forEver(s, Buffer.from('0123456789abcdef'.repeat(512)))), ['broken']],
    ['leaves at once', (s) => void s.end(), ['broken']],
    ['throws the connection away', (s) => void s.resetAndDestroy(), ['broken', 'unreachable']],
    ['greets and leaves', (s) => void s.end(VERSION), ['broken']],
    ['leaves in the exchange', (s) => void (says(VERSION, kexInit(WILLING))(s), s.end()), ['broken']],
    ['talks SSH 1', says('SSH-1.5-host\r\n'), ['broken']],
    ['is a web server', (s) => void s.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'), ['broken']],
    ['sends the reply before the question', says(VERSION, kexInit(WILLING), packet(Buffer.from([31, 0, 0, 0, 0]))), ['broken']],
    ['lets us in before the exchange', says(VERSION, packet(Buffer.from([52]))), ['broken']],
    ['lets us in instead of the exchange', says(VERSION, kexInit(WILLING), packet(Buffer.from([52]))), ['broken']],
    ['ends the exchange without it, and lets us in', says(VERSION, kexInit(WILLING), packet(Buffer.from([21])), packet(Buffer.from([52]))), ['broken']],
    ['sends an empty exchange', says(VERSION, packet(Buffer.from([20]))), ['broken']],
  ])('%s', async (_, serve, codes) => {
    const door = doorOf(await raw(serve))
    const ms = codes.includes('timeout') ? SHORT_MS : LONG_MS
    expect(codes).toContain(await codeOf(shell.greet(door, ms, patience())))
    expect(codes).toContain(await codeOf(shell.login(door, privateKey, ms, patience())))
  })

  test('is not there', async () => {
    const [port = 0] = await freePorts(1)
    expect(await codeOf(shell.greet(doorOf({ port }), LONG_MS, patience()))).toBe('unreachable')
    expect(await codeOf(shell.greet({ ...doorOf({ port }), host: 'no-such-host.invalid' }, LONG_MS, patience()))).toBe('unreachable')
  })

  test('is left when the signal fires, at once', async () => {
    const door = doorOf(await raw(() => undefined))
    const stop = new AbortController()
    const greeting = shell.greet(door, 3_600_000, stop.signal)
    stop.abort()
    await expect(greeting).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('has its words shown short, and never as more than words', async () => {
    const text = `\u001b[2J\n${'x'.repeat(5000)}`
    const disconnect = packet(Buffer.concat([Buffer.from([1, 0, 0, 0, 2, 0, 0, 0x13, 0x8d]), Buffer.from(text), Buffer.alloc(4)]))
    const error = await shell.greet(doorOf(await raw(says(VERSION, kexInit(WILLING), disconnect))), LONG_MS, patience()).catch((e: Error) => e)
    expect(error).toMatchObject({ code: 'broken' })
    expect((error as Error).message.length).toBeLessThan(300)
    // eslint-disable-next-line no-control-regex
    expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/)
  })
})

describe('the pinned key', () => {
  const { generateKeyPairSync, parseKey } = ssh2.utils
  const publicOf = (line: string) => line.split(' ').slice(0, 2).join(' ')

  test.each([
    ['ecdsa', { bits: 256 }],
    ['ecdsa', { bits: 384 }],
    ['ecdsa', { bits: 521 }],
    ['rsa', { bits: 2048 }],
  ] as const)('may be of type %s %o', async (type, options) => {
    const pair = generateKeyPairSync(type as 'ecdsa', options as { bits: 256 })
    const host = await hosting({ config: { hostKeys: [pair.private] } })
    expect(await codeOf(shell.greet({ ...host.door, hostKey: publicOf(pair.public) }, LONG_MS, patience()))).toBe('no error')
    expect(await codeOf(shell.greet(host.door, LONG_MS, patience()))).toBe('wrong_host_key')
  })

  test.each(['', 'ssh-ed25519', 'ssh-ed25519 ', 'ssh-dss AAAA', 'constructor AAAA', `${hostKey} comment`, 'ssh-ed25519 !!!!'])(
    'is none when it is %j, and then nobody is dialled',
    async (none) => {
      let dialled = false
      const host = await raw(() => (dialled = true))
      expect(await codeOf(shell.greet({ ...doorOf(host), hostKey: none }, SHORT_MS, patience()))).toBe('wrong_host_key')
      expect(dialled).toBe(false)
    },
  )

  test('of a host that has others too is the one that is asked for', async () => {
    const [own, others] = [keyPair(), [generateKeyPairSync('ecdsa', { bits: 256 }), generateKeyPairSync('rsa', { bits: 2048 })]]
    const host = await hosting({ config: { hostKeys: [...others.map((k) => k.private), own.private] } })
    expect(await codeOf(shell.greet({ ...host.door, hostKey: own.public }, LONG_MS, patience()))).toBe('no error')
  })

  test('that is shown, but not held, is worth nothing', async () => {
    const [shown, held] = [keyPair(), keyPair()]
    const forged = parseKey(held.private)
    const real = parseKey(shown.public)
    if (forged instanceof Error || real instanceof Error) throw new Error('no keys')
    const blob = real.getPublicSSH()
    const host = await hosting({ config: { hostKeys: [{ key: Object.assign(forged, { getPublicSSH: () => blob }) as unknown as Buffer, passphrase: '' }] } })
    const door = { ...host.door, hostKey: shown.public }
    expect(await codeOf(shell.greet(door, LONG_MS, patience()))).toBe('wrong_host_key')
    expect(await codeOf(shell.login(door, host.privateKey, LONG_MS, patience()))).toBe('wrong_host_key')
    expect(host.tried).toEqual([])
  })

  test('signs a fresh exchange each time: one that was recorded is worth nothing', async () => {
    const honest = await hosting()
    const said: Buffer[] = []
    const recorder = await kept(
      rawHost((near) => {
        const far = new (near.constructor as new () => Socket)().connect(honest.port, '127.0.0.1')
        far.on('data', (bytes) => said.push(bytes)).on('error', () => undefined)
        near.pipe(far).pipe(near)
        near.on('close', () => far.destroy())
      }),
    )
    const door = { ...honest.door, port: recorder.port }
    expect(await codeOf(shell.greet(door, LONG_MS, patience()))).toBe('no error')
    const player = await raw((socket) => void socket.write(Buffer.concat(said)))
    expect(await codeOf(shell.greet({ ...door, port: player.port }, LONG_MS, patience()))).toBe('wrong_host_key')
  })

  test('is held to for as long as a connection lasts', async () => {
    const other = ssh2.utils.parseKey(keyPair().private)
    type Inner = { _protocol: { _hostKeys: Record<string, unknown> } }
    const host = await hosting({
      session: (session, client) =>
        session.on('exec', (accept) => {
          const channel = accept()
          const keys = (client as unknown as Inner)._protocol._hostKeys
          for (const type of Object.keys(keys)) keys[type] = other
          client.rekey()
          channel.write('mine now')
        }),
    })
    const login = await shell.login(host.door, host.privateKey, LONG_MS, patience())
    const run = await login.run('true', patience())
    const read = async () => {
      for await (const bytes of run.output) expect(Buffer.from(bytes).toString()).not.toContain('mine')
    }
    await expect(read()).rejects.toMatchObject({ name: 'ShellError', code: 'wrong_host_key' })
    await login.close()
  })
})

describe('what is offered', () => {
  test('is strong, and nothing else', async () => {
    const heard: Lists[] = []
    const host = await raw((socket) => {
      let bytes = Buffer.alloc(0)
      socket.write(VERSION)
      socket.on('data', (more: Buffer) => {
        const offer = offerOf((bytes = Buffer.concat([bytes, more])))
        if (offer) heard.push(offer)
        if (offer) socket.end()
      })
    })
    await codeOf(shell.greet(doorOf(host), LONG_MS, patience()))
    const kex = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521']
    // Not for keys: the host may tell what else it can, and nothing may be slipped into the exchange.
    const extensions = ['ext-info-c', 'kex-strict-c-v00@openssh.com']
    const ciphers = ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com']
    const macs = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com']
    expect(heard[0]).toEqual({
      kex: [...kex, ...extensions],
      hostKeys: ['ssh-ed25519'],
      cipherUp: ciphers,
      cipherDown: ciphers,
      macUp: macs,
      macDown: macs,
      compressUp: ['none'],
      compressDown: ['none'],
      languageUp: [],
      languageDown: [],
    })
  })

  test.each<[string, Algorithms, string]>([
    ['a key exchange over SHA-1', { kex: ['diffie-hellman-group14-sha1'] }, 'broken'],
    ['a small group', { kex: ['diffie-hellman-group1-sha1'] }, 'broken'],
    ['a cipher without a seal', { cipher: ['aes128-cbc'] }, 'broken'],
    ['a cipher with a weak seal', { cipher: ['aes128-ctr'], hmac: ['hmac-sha1'] }, 'broken'],
    ['compression', { compress: ['zlib@openssh.com'] }, 'broken'],
    ['signatures over SHA-1', { serverHostKey: ['ssh-rsa'] }, 'wrong_host_key'],
  ])('is refused by a host that takes only %s', async (_, algorithms, code) => {
    const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 })
    const hostKeys = [keyPair().private, rsa.private]
    const host = await hosting({ config: { hostKeys, algorithms } })
    const door = code === 'wrong_host_key' ? { ...host.door, hostKey: rsa.public.split(' ').slice(0, 2).join(' ') } : host.door
    expect(await codeOf(shell.greet(door, LONG_MS, patience()))).toBe(code)
  })
})

describe('logging in', () => {
  test('is not tried by a greeting', async () => {
    const host = await hosting()
    await shell.greet(host.door, LONG_MS, patience())
    await until('its leaving', () => host.open() === 0)
    expect(host.tried).toEqual([])
  })

  test.skipIf(!hasSshd())('is not even asked for by a greeting, as OpenSSH hears it, and the goodbye is said', async () => {
    const at = await startSshd(['LogLevel DEBUG3'])
    onTestFinished(() => at.stop())
    await shell.greet(at.door, LONG_MS, patience())
    await until('its leaving', () => /Received disconnect/.test(at.log()))
    const types = [...at.log().matchAll(/receive packet: type (\d+)/g)].map((m) => Number(m[1]))
    // KEXINIT, the question of the exchange, new keys, goodbye.
    expect(types).toEqual([20, 30, 21, 1])
  })

  test('tries the one key once, and nothing else, whatever else is offered', async () => {
    const all: ssh2.AuthenticationType[] = ['publickey', 'password', 'keyboard-interactive', 'hostbased', 'none']
    const host = await hosting({ authenticate: (ctx) => ctx.reject(all, host.tried.length === 1) })
    expect(await codeOf(shell.login(host.door, host.privateKey, LONG_MS, patience()))).toBe('refused')
    expect(host.tried).toEqual(['publickey'])
  })

  test('ends in its time when nobody answers', async () => {
    const host = await hosting({ authenticate: () => undefined })
    expect(await codeOf(shell.login(host.door, host.privateKey, SHORT_MS, patience()))).toBe('timeout')
  })

  test('is broken when the host leaves instead of answering', async () => {
    const host = await hosting({ client: (client) => client.on('authentication', () => client.end()), authenticate: () => undefined })
    expect(await codeOf(shell.login(host.door, host.privateKey, LONG_MS, patience()))).toBe('broken')
  })

  test('needs a key that is one', async () => {
    const host = await hosting()
    await expect(shell.login(host.door, 'no key', LONG_MS, patience())).rejects.toThrow(/privateKey/)
  })
})
