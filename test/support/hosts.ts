import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import ssh2, { type AuthContext, type Connection, type ServerChannel, type ServerConfig, type Session, type SFTPWrapper } from 'ssh2'
import type { SshDoor } from '../../node-agents/core/ports.ts'
import { keyPair } from './ssh.ts'

/** Hosts on the loopback address that do as they are told, also what no honest one does. */

export type Host = { port: number; /** Connections that are open now. */ open(): number; stop(): Promise<void> }

async function listen(server: Server, sockets: Set<Socket>): Promise<Host> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { port: (server.address() as AddressInfo).port, open: () => sockets.size, stop }
}

/** A server that talks no protocol but what `serve` makes of each connection. */
export function rawHost(serve: (socket: Socket) => void): Promise<Host> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    // Or its end would not be seen.
    socket.resume()
    serve(socket)
  })
  return listen(server, sockets)
}

/** Sends the same again and again for as long as somebody takes it. */
export function forEver(socket: Socket, bytes: Uint8Array): void {
  const endless = Readable.from(
    (function* () {
      for (;;) yield bytes
    })(),
  )
  // The other side's leaving ends it.
  pipeline(endless, socket).catch(() => undefined)
}

export type SshHost = Host & { door: SshDoor; privateKey: string; hostPrivateKey: string; /** Methods that were tried to log in, in order. */ tried: string[] }
export type SshHostOptions = {
  config?: Partial<ServerConfig>
  /** Default: lets everybody in who comes with a key. */
  authenticate?: (ctx: AuthContext) => void
  client?: (client: Connection) => void
  session?: (session: Session, client: Connection) => void
}

/** An SSH server with words of its own. */
export async function sshHost({ config, authenticate, client: met, session }: SshHostOptions = {}): Promise<SshHost> {
  const [host, user] = [keyPair(), keyPair()]
  const tried: string[] = []
  const ssh = new ssh2.Server({ hostKeys: [host.private], ...config }, (client) => {
    client.on('error', () => undefined)
    client.on('authentication', (ctx) => {
      tried.push(ctx.method)
      if (authenticate) authenticate(ctx)
      else if (ctx.method === 'publickey') ctx.accept()
      else ctx.reject(['publickey'])
    })
    client.on('session', (accept) => session?.(accept(), client))
    met?.(client)
  })
  const raw = await rawHost((socket) => ssh.injectSocket(socket.setNoDelay(true)))
  const door = { host: '127.0.0.1', port: raw.port, user: 'root', hostKey: host.public }
  return { ...raw, door, privateKey: user.private, hostPrivateKey: host.private, tried }
}

/** What stands between a client and a server may do to what the server says, of which it has heard so many bytes before: what is passed on, and whether that was all. */
export type Meddler = (bytes: Buffer, before: number) => { pass: Buffer; cut?: boolean }

/** A line to a port of this machine that is not honest. `end`: a cut line ends as a host's own goodbye does. */
export function meddledLine(port: number, meddle: Meddler, end = false): Promise<Host> {
  return rawHost((near) => {
    const far = connect(port, '127.0.0.1')
    let sent = 0
    far.on('data', (bytes) => {
      const { pass, cut } = meddle(bytes, sent)
      sent += bytes.length
      if (!cut) near.write(pass)
      else if (end) near.end(pass)
      else near.write(pass, () => near.destroy())
    })
    near.pipe(far)
    far.on('error', () => near.destroy()).on('close', () => near.end())
    near.on('close', () => far.destroy())
  })
}

/** What the library keeps to itself: with it a server can break the rules it would keep. */
export type Inner = {
  _protocol: {
    channelData(id: number, data: Uint8Array): void
    channelExtData(id: number, data: Uint8Array, type: number): void
    exitStatus(id: number, code: number): void
    channelClose(id: number): void
    ping(): void
    openssh_authAgent(id: number, window: number, packet: number): void
    x11(id: number, window: number, packet: number, info: { originAddr: string; originPort: number }): void
    _handlers: Record<string, () => void>
    forwardedTcpip(id: number, window: number, packet: number, info: { boundAddr: string; boundPort: number; remoteAddr: string; remotePort: number }): void
  }
  _sock: { writableLength: number; pause(): void; destroyed: boolean; once(event: 'drain', then: () => void): void }
}
export const inner = (client: Connection | SFTPWrapper) => client as unknown as Inner
export const idOf = (channel: ServerChannel | SFTPWrapper) => (channel as unknown as { outgoing: { id: number } }).outgoing.id
