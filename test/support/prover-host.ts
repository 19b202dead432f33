import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import type { SshDoor, SshLogin } from '../../node-agents/core/ports.ts'
import { sshShell } from '../../node-agents/core/ssh/client.ts'
import { play } from './pipe.ts'
import type { Prover } from './fake-prover.ts'
import { keyPair } from './ssh.ts'

/** A host whose SSH server runs a prover in JavaScript, whatever the command. */
export type ProverHost = { door: SshDoor; privateKey: string; stop(): Promise<void> }

/** @param prover makes the one for the next command */
export async function startHost(prover: () => Prover): Promise<ProverHost> {
  const [host, user] = [keyPair(), keyPair()]
  const ssh = new ssh2.Server({ hostKeys: [host.private] })
  const sockets = new Set<Socket>()
  ssh.on('connection', (client) => {
    client.on('error', () => undefined) // torn connections are what some tests are about
    client.on('authentication', (context) => context.accept())
    client.on('session', (accept) => {
      accept().on('exec', (take) => {
        const channel = take()
        void play(prover(), channel, channel, () => sockets.forEach((socket) => socket.destroy()))
      })
    })
  })
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay(true).on('close', () => sockets.delete(socket)))
    ssh.injectSocket(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await once(server.close(), 'close')
  }
  return { door: { host: '127.0.0.1', port, user: 'root', hostKey: host.public }, privateKey: user.private, stop }
}

/** Logs in as a validator does. */
export function loginTo({ door, privateKey }: ProverHost, signal: AbortSignal): Promise<SshLogin> {
  return sshShell().login(door, privateKey, 20_000, signal)
}
