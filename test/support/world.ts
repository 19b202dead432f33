import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { promisify } from 'node:util'

/** What a host has around it, for tests of what a tenant can reach. Needs root; everything is removed again. */

const run = promisify(execFile)
const ip = (...args: string[]) => run('ip', args)

/** Says a word to whoever connects. */
const WORD = 'open'
const SERVER = `require('node:net').createServer((s) => { s.on('error', () => 0); s.end('${WORD}\\n') }).listen(Number(process.argv[1]), '0.0.0.0', () => console.log('up'))`

export type World = {
  /** On a host's own interface. */ metadata: string
  privateHere: string
  /** Behind a router. */ privateBeyond: string
  publicBeyond: string
  port: number
  close(): Promise<void>
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end(`${WORD}\n`)).listen(port, '0.0.0.0')
  await once(server, 'listening')
  return server
}

/** A metadata service and a private address on this host, a private and a public one behind a router, all of them with a listener. */
export async function makeWorld(port: number): Promise<World> {
  const undo: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const step of undo.toReversed()) await step()
  }
  const [metadata, privateHere, privateBeyond, publicBeyond] = ['169.254.169.254', '10.213.77.1', '10.213.78.1', '9.9.9.9']
  try {
    await ip('link', 'add', 'wtest0', 'type', 'bridge')
    undo.push(() => ip('link', 'del', 'wtest0'))
    for (const address of [metadata, privateHere]) await ip('addr', 'add', `${address}/32`, 'dev', 'wtest0')
    await ip('link', 'set', 'wtest0', 'up')
    await ip('netns', 'add', 'wtest')
    undo.push(() => ip('netns', 'del', 'wtest'))
    await ip('link', 'add', 'wtest1', 'type', 'veth', 'peer', 'name', 'wtest2', 'netns', 'wtest')
    await ip('addr', 'add', '192.168.213.1/30', 'dev', 'wtest1')
    await ip('link', 'set', 'wtest1', 'up')
    const inside = (...args: string[]) => ip('-n', 'wtest', ...args)
    await inside('addr', 'add', '192.168.213.2/30', 'dev', 'wtest2')
    for (const address of [privateBeyond, publicBeyond]) await inside('addr', 'add', `${address}/32`, 'dev', 'lo')
    for (const link of ['lo', 'wtest2']) await inside('link', 'set', link, 'up')
    await inside('route', 'add', 'default', 'via', '192.168.213.1')
    for (const address of [privateBeyond, publicBeyond]) await ip('route', 'add', `${address}/32`, 'via', '192.168.213.2')
    const server = await listen(port)
    undo.push(async () => server.close())
    for (const at of [port, 25]) {
      const beyond = spawn('ip', ['netns', 'exec', 'wtest', process.execPath, '-e', SERVER, String(at)], { stdio: ['ignore', 'pipe', 'inherit'] })
      undo.push(async () => beyond.kill('SIGKILL') && once(beyond, 'exit'))
      await once(beyond.stdout, 'data')
    }
  } catch (error) {
    await close()
    throw error
  }
  return { metadata, privateHere, privateBeyond, publicBeyond, port, close }
}

/** A shell command that says of each "name host port" whether somebody answers there. */
export const dialScript = (targets: Record<string, [host: string, port: number]>): string =>
  `${Object.entries(targets)
    .map(
      ([name, [host, port]]) =>
        `{ timeout 4 bash -c 'exec 3<>/dev/tcp/${host}/${port} && head -c 3 <&3 | grep -q .' 2>/dev/null && echo ${name} open || echo ${name} closed; } &`,
    )
    .join('\n')}\nwait`

/** Reads what that command said. */
export const dialed = (output: string): Record<string, string> =>
  Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  )

/** Takes the rules of a prefix out again. */
export async function removeRules(prefix: string): Promise<void> {
  const chains = [`${prefix.toUpperCase()}-FWD`, `${prefix.toUpperCase()}-IN`]
  for (const tool of ['iptables', 'ip6tables']) {
    for (const forward of ['FORWARD', 'DOCKER-USER'])
      await run(tool, ['-w', '5', '-D', forward, '-i', `${prefix}+`, '-j', chains[0] ?? '']).catch(() => undefined)
    await run(tool, ['-w', '5', '-D', 'INPUT', '-i', `${prefix}+`, '-j', chains[1] ?? '']).catch(() => undefined)
    for (const act of ['-F', '-X']) for (const chain of chains) await run(tool, ['-w', '5', act, chain]).catch(() => undefined)
  }
}
