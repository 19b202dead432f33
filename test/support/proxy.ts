import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Unix socket in front of another one, that can die and come back: an engine's restart without restarting the engine. */
export async function proxy(target: string) {
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'))
  const path = join(folder, 's')
  const open = new Set<Socket>()
  let server: Server | null = null

  const up = async () => {
    server = createServer((near) => {
      const far = connect(target)
      for (const [a, b] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(a)
        a.pipe(b)
        a.on('error', () => b.destroy())
        a.on('close', () => {
          open.delete(a)
          b.destroy()
        })
      }
    }).listen(path)
    await once(server, 'listening')
  }
  const down = async () => {
    const old = server
    server = null
    if (!old) return
    old.close()
    for (const socket of open) socket.destroy()
    await once(old, 'close')
  }
  await up()
  return { path, up, down, connections: () => open.size / 2, close: () => down().then(() => rm(folder, { recursive: true, force: true })) }
}
