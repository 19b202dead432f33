import { Socket } from 'node:net'
import ssh2, { type Algorithms, type Client, type ClientChannel, type ConnectConfig, type SFTPWrapper } from 'ssh2'
import { realClock } from '../clock.ts'
import { reason } from '../mistake.ts'
import { type Clock, type Shell, type ShellCode, ShellError, type SshDoor, type SshLogin, type SshRun } from '../ports.ts'
import { faultOf, type Reached, words } from './fault.ts'
import { guard } from './guard.ts'
import { type Pin, pinOf } from './pin.ts'
import { runOf } from './run.ts'
import { put } from './upload.ts'
import { type Bounds, within } from './within.ts'

/** Longest wait for a channel to open and for a command to be taken, and for an upload, whatever the caller's signal does. */
const OPEN_MS = 20_000
const UPLOAD_MS = 120_000
/** A host that answers none of these is gone; each is a packet. */
const KEEPALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 3 }

const offered = (pin: Pin) =>
  ({
    kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'],
    serverHostKey: pin.signatures,
    cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
    // Those ciphers bring their own; the list may not be empty.
    hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
    compress: ['none'],
  }) as Algorithms

/** A connection from its first packet on. */
type Line = {
  client: Client
  /** When, by the clock, the pinned key's signature over this exchange had been verified. */
  proved: Promise<number>
  /** Logged in. */
  ready: Promise<void>
  /** Aborts with a `ShellError` once the connection is gone. */
  lost: AbortSignal
  /** Channels whose unread output counts. */
  channels: Set<ClientChannel>
  /** So many bytes of output have found their reader. */
  took(bytes: number): void
  /** Resolves when nothing of it is left. */
  close(): Promise<void>
}

/** Connects, and believes no host but the pinned one. @param key private key to log in with; null: no login is tried */
function dial(door: SshDoor, key: string | null, clock: Clock): Line {
  const pin = pinOf(door.hostKey)
  const at: Reached = { connected: false, shown: 'nothing', ready: false }
  const gone = new AbortController()
  const channels = new Set<ClientChannel>()
  let taken = 0
  const proved = Promise.withResolvers<number>()
  const ready = Promise.withResolvers<void>()
  const client = new ssh2.Client()
  const socket = new Socket()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const fail = (error: ShellError) => {
    gone.abort(error)
    socket.destroy()
  }
  const fault = (error: unknown) => fail(faultOf(error, placeOf(door), at))
  socket.on('connect', () => (at.connected = true))
  socket.on('end', () => fault(new Error('closed by the host')))
  client.on('error', fault)
  client.on('close', () => fault(new Error('closed')))
  client.on('handshake', () => {
    if (at.shown !== 'pinned') return fault(new Error('the exchange ended without it'))
    proved.resolve(clock.monotonicMs())
    // Before the library asks for a login.
    if (key === null) client.end()
  })
  client.on('ready', () => {
    if (at.shown !== 'pinned') return fault(new Error('let in without it'))
    at.ready = true
    ready.resolve()
  })
  const hostVerifier = (shown: Buffer) => {
    at.shown = shown.equals(pin.blob) ? 'pinned' : 'other'
    return at.shown === 'pinned'
  }
  const close = () => {
    gone.abort(new ShellError('broken', 'the connection was ended from this side'))
    client.end()
    socket.destroy()
    return closed
  }
  socket.setNoDelay(true)
  socket.connect({ host: door.host, port: door.port })
  try {
    client.connect({ sock: socket, username: door.user, ...credentials(key), hostVerifier, algorithms: offered(pin), readyTimeout: 0, ...KEEPALIVE })
  } catch (error) {
    socket.destroy()
    throw error
  }
  const unread = () => [...channels].reduce((sum, c) => sum + c.readableLength + c.stderr.readableLength, 0)
  guard(socket, at, { unread, taken: () => taken }, fail)
  const took = (bytes: number) => void (taken += bytes)
  return { client, proved: proved.promise, ready: ready.promise, lost: gone.signal, channels, took, close }
}

const placeOf = (door: SshDoor) => words(`${door.host}:${door.port}`)

/** One key, tried once, and no other way in: no agent, no password, not even "none". */
const credentials = (key: string | null): Pick<ConnectConfig, 'privateKey' | 'authHandler'> =>
  key === null ? { authHandler: [] } : { privateKey: key, authHandler: ['publickey'] }

/** What the library calls back with, made into something at once: what it says next may come before anybody who awaits. */
const asked = <T, R>(ask: (done: (error: Error | undefined, value: T) => void) => void, made: (value: T) => R) =>
  new Promise<R>((resolve, reject) => ask((error, value) => (error ? reject(error) : resolve(made(value)))))

/** Waits for something to open; what opens when nobody waits any more is shut. */
async function open<T>(opening: Promise<T>, shut: (it: T) => void, bounds: Bounds, code: ShellCode): Promise<T> {
  try {
    return await within(opening, bounds)
  } catch (error) {
    opening.then(shut, () => undefined)
    if (bounds.lost.aborted) throw bounds.lost.reason
    if (bounds.signal.aborted || error instanceof ShellError) throw error
    throw new ShellError(code, `${bounds.what}: ${words(reason(error))}`, error)
  }
}

function start({ client, lost, channels, took }: Line, command: string, signal: AbortSignal): Promise<SshRun> {
  const opened = (channel: ClientChannel) => {
    channels.add(channel)
    channel.on('close', () => channels.delete(channel))
    return runOf(channel, lost, took)
  }
  const opening = asked((done) => void client.exec(command, done), opened)
  return open(opening, (run) => run.close(), { what: 'starting a command', ms: OPEN_MS, lost, signal }, 'failed')
}

async function upload({ client, lost }: Line, path: string, content: Uint8Array, signal: AbortSignal): Promise<void> {
  const bounds = { what: `uploading ${words(path)}`, ms: UPLOAD_MS, lost, signal }
  const { promise: broken, reject } = Promise.withResolvers<never>()
  broken.catch(() => undefined)
  const opened = (sftp: SFTPWrapper) => {
    sftp.on('error', (error: Error) => reject(new ShellError('broken', `the host's SFTP makes no sense: ${words(error.message)}`, error)))
    sftp.on('close', () => reject(new ShellError('broken', 'the host closed SFTP')))
    return sftp
  }
  const shut = (sftp: SFTPWrapper) => {
    if (!lost.aborted) sftp.end()
  }
  const opening = asked((done) => void client.sftp(done), opened)
  const sftp = await open(opening, shut, { ...bounds, what: 'opening SFTP', ms: OPEN_MS }, 'no_sftp')
  try {
    await within(Promise.race([broken, put(sftp, path, content)]), bounds)
  } finally {
    shut(sftp)
  }
}

/**
 * SSH by ssh2. The host key is compared when it is shown, and its signature over the fresh exchange is verified before that counts or
 * anything is sent that is not part of the exchange; every new exchange on the same connection is held to the same key. Only algorithms
 * with no known weakness are offered: X25519 or NIST curves, AES-GCM or ChaCha20-Poly1305, no SHA-1 and no compression. OpenSSH speaks
 * them since 6.5 (2014), and Dropbear 2022.83 does; an older server is `broken`. A server without SFTP (Dropbear alone) is `no_sftp`.
 * A signal that fires with a TimeoutError makes a `ShellError` of code `timeout`; any other reason is passed on as it is. It stops
 * what was asked for, not a command that was started: that one is closed.
 * Servers may count greetings: OpenSSH since 9.8 takes each for a second of penalty, and shuts an address out that has fifteen.
 */
export function sshShell(clock: Clock = realClock): Shell {
  return {
    async greet(door, timeoutMs, signal) {
      const startedMs = clock.monotonicMs()
      const line = dial(door, null, clock)
      try {
        return (await within(line.proved, { what: `greeting ${placeOf(door)}`, ms: timeoutMs, lost: line.lost, signal })) - startedMs
      } finally {
        await line.close()
      }
    },
    async login(door, privateKey, timeoutMs, signal): Promise<SshLogin> {
      const line = dial(door, privateKey, clock)
      try {
        await within(line.ready, { what: `logging in to ${placeOf(door)}`, ms: timeoutMs, lost: line.lost, signal })
      } catch (error) {
        await line.close()
        throw error
      }
      return {
        upload: (path, content, aborted) => upload(line, path, content, aborted),
        run: (command, aborted) => start(line, command, aborted),
        close: () => line.close(),
      }
    },
  }
}
