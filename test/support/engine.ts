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
