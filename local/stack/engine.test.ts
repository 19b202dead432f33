import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { choose, keepDriver } from './engine.ts'

let stop = async (): Promise<void> => undefined
afterEach(async () => {
  await stop()
  stop = async () => undefined
})

/** An engine that knows these images, newest first, and nothing else. */
async function engine(...tags: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const server = createServer((_, response) => response.end(JSON.stringify(tags.map((tag, i) => ({ Id: tag, RepoTags: [tag], Created: -i })))))
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  }
  return `unix://${join(folder, 's')}`
}

const wanted = { driver: undefined, image: undefined } as const

test('Docker with the newest workspace image', async () => {
  const dockerHost = await engine('compute-workspace:new', 'compute-workspace:old')
  expect(await choose({ ...wanted, dockerHost })).toMatchObject({ driver: 'docker', image: 'compute-workspace:new', notes: [] })
  expect(await choose({ ...wanted, dockerHost, image: 'mine:1' })).toMatchObject({ driver: 'docker', image: 'mine:1' })
})

test('an engine without such an image: the box driver, and how to make one', async () => {
  const choice = await choose({ ...wanted, dockerHost: await engine() })
  expect(choice).toMatchObject({ driver: 'box', socket: null })
  expect(choice.notes[0]).toMatch(/no image compute-workspace:\*.*--image/)
  expect(choice.notes[1]).toMatch(/NO ISOLATION/)
})

test.each([
  ['unix:///nowhere/docker.sock', /no Docker engine answers at \/nowhere/],
  ['tcp://10.0.0.1:2375', /not a Unix socket/],
])('%s: the box driver, saying why', async (dockerHost, why) => {
  const choice = await choose({ ...wanted, dockerHost })
  expect(choice.driver).toBe('box')
  expect(choice.notes[0]).toMatch(why)
})

test('who asks for Docker gets Docker or the reason', async () => {
  await expect(choose({ driver: 'docker', image: undefined, dockerHost: 'unix:///nowhere' })).rejects.toThrow(/no Docker engine answers/)
})

test('who asks for the box driver gets it', async () => {
  expect(await choose({ driver: 'box', image: undefined, dockerHost: await engine('compute-workspace:1') })).toMatchObject({ driver: 'box' })
})

test('a folder keeps the driver of its first start', async () => {
  const docker = await choose({ ...wanted, dockerHost: await engine('compute-workspace:1') })
  const box = await choose({ ...wanted, dockerHost: 'unix:///nowhere' })
  for (const choice of [docker, box]) for (const before of [null, choice.driver]) expect(() => keepDriver(choice, before, '/there')).not.toThrow()
  expect(() => keepDriver(box, 'docker', '/there')).toThrow(/\/there run in Docker.*no Docker engine answers.*start the engine, or.*--driver box --state DIR/)
  expect(() => keepDriver(docker, 'box', '/there')).toThrow(/\/there run in the box driver.*--driver box, or.*--driver docker --state DIR/)
})
