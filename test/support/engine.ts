import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { connect, type Engine } from '../../node-agents/miner/docker/client.ts'

const LOUD = '\n!! NO DOCKER ENGINE at DOCKER_HOST: the Docker suites are SKIPPED. `eval "$(.ci/engine)"` starts one.\n'

/** The engine of this run: its socket and an image with an SSH server. */
export type TestEngine = { socket: string; image: string; engine: Engine }

/** The engine DOCKER_HOST names, or null, said loudly, when there is none that answers. */
export async function testEngine(): Promise<TestEngine | null> {
  const host = process.env['DOCKER_HOST']
  const socket = host?.startsWith('unix://') ? host.slice('unix://'.length) : undefined
  const engine = connect(socket)
  const answers =
    socket !== undefined &&
    (await engine.info().then(
      () => true,
      () => false,
    ))
  if (socket && answers) return { socket, image: process.env['COMPUTE_TEST_IMAGE'] ?? 'compute-workspace:test', engine }
  console.warn(LOUD)
  return null
}

/** Names of all containers, anyone's, that belong to an allocation. */
export const containersOf = async ({ engine }: TestEngine, allocation: string) => (await engine.list({ name: [allocation] })).map((row) => row.Id)

/** One request to the engine past our client. Resolves with its status; what it said is read to its end. */
function raw(socketPath: string, method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** The test image with lines of a Dockerfile added. Call `remove` when done. */
export async function imageWith({ socket, image, engine }: TestEngine, changes: string): Promise<{ reference: string; remove: () => Promise<void> }> {
  const tag = randomBytes(4).toString('hex')
  const reference = `compute-changed:${tag}`
  const from = (await engine.create({ Image: image, Cmd: ['true'] })) ?? ''
  const query = new URLSearchParams({ container: from, repo: 'compute-changed', tag, changes })
  const status = await raw(socket, 'POST', `/commit?${query.toString()}`).finally(() => engine.remove(from))
  if (status !== 201) throw new Error(`the engine makes no image with ${changes}: ${status}`)
  return { reference, remove: async () => void (await raw(socket, 'DELETE', `/images/${reference}`)) }
}
