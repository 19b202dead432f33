import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import ssh2, { type AuthContext, type Connection, type PublicKeyAuthContext } from 'ssh2'
import { serveSession, type Place } from './session.ts'

const { Server, utils } = ssh2

/** Failed tries a connection may make, as with sshd. */
const TRIES = 6

/** Is this one of the keys, and, once the client signs, is the signature its? */
function holds(line: string, ctx: PublicKeyAuthContext): boolean {
  const key = utils.parseKey(line)
  if (key instanceof Error || !key.getPublicSSH().equals(ctx.key.data)) return false
  if (!ctx.signature || !ctx.blob) return true
  return key.verify(ctx.blob, ctx.signature, ctx.hashAlgo) === true
}

async function allowed(ctx: AuthContext, keysFile: string): Promise<boolean> {
  if (ctx.method !== 'publickey') return false
  const lines = (await readFile(keysFile, 'utf8')).split('\n').filter(Boolean)
  return lines.some((line) => holds(line, ctx))
}

function serveClient(client: Connection, keysFile: string, place: Place): void {
  let tries = 0
  const refuse = (ctx: AuthContext) => {
    ctx.reject(['publickey'])
    if (ctx.method !== 'none' && ++tries >= TRIES) client.end()
  }
  client.on('authentication', (ctx) => {
    allowed(ctx, keysFile).then(
      (yes) => (yes ? ctx.accept() : refuse(ctx)),
      (error: unknown) => {
        console.error(error)
        refuse(ctx)
      },
    )
  })
  client.on('session', (accept) => serveSession(accept(), place))
  // Clients go away in all ways; none of them may end the server.
  client.on('error', (error) => console.error(error.message))
}

/**
 * An SSH server that lets in the keys of a file (read again at each login) and nobody else.
 * @param hostKey OpenSSH private key
 */
export function boxServer(hostKey: string, keysFile: string, place: Place) {
  const clients = new Set<Connection>()
  const ssh = new Server({ hostKeys: [hostKey], keepaliveInterval: 30_000, keepaliveCountMax: 6 }, (client) => {
    clients.add(client)
    client.on('close', () => clients.delete(client))
    serveClient(client, keysFile, place)
  })
  // As with sshd, a line of a session does not wait for the next.
  const listener = createServer({ noDelay: true }, (socket) => ssh.injectSocket(socket))
  return { listener, endSessions: () => clients.forEach((client) => client.end()) }
}
