import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { until } from '../../test/support/until.ts'
import { Child } from './child.ts'

let folder: string
let log: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'child-'))
  log = join(folder, 'log')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** A child that runs this script; relative paths lead out of the repository. */
async function child(script: string, env: Record<string, string> = {}): Promise<Child> {
  const path = join(folder, 'script.mjs')
  await writeFile(path, script)
  return new Child({ name: 'child', script: join('../'.repeat(9), path), env, log })
}

test("knows none of the operator's own settings, only what the stack gives it", async () => {
  const own = { DOCKER_HOST: 'tcp://10.0.0.1:2375', COMPUTE_IMAGES: 'evil', BT_WALLET_NAME: 'mine', OTHER: 'stays' }
  for (const [name, value] of Object.entries(own)) vi.stubEnv(name, value)
  await (
    await child('console.log(JSON.stringify(process.env))', { COMPUTE_GIVEN: 'yes' })
  ).died
  const env = await until('its log', () => readFile(log, 'utf8').catch(() => ''))
  expect(env).toMatch(/"COMPUTE_GIVEN":"yes"/)
  expect(env).toMatch(/"OTHER":"stays"/)
  expect(env).not.toMatch(/DOCKER_HOST|COMPUTE_IMAGES|BT_WALLET_NAME/)
})

test('its log grows from start to start', async () => {
  for (const word of ['first', 'second']) await (await child(`console.log('${word}')`)).died
  await until('both are there', async () => (await readFile(log, 'utf8')) === 'first\nsecond\n')
})

test('a log that cannot be written is said, and ends nothing', async () => {
  await mkdir(log)
  const said = vi.spyOn(console, 'error').mockReturnValue()
  const { message } = await (await child(`console.log('x'); console.error('its own words'); process.exitCode = 3`)).died
  expect(message).toMatch(/ended with code 3: its own words/)
  expect(said.mock.calls).toEqual([[expect.stringMatching(/log cannot be written .*EISDIR/)]])
})

test('a miner that gives up by itself says why, with its own exit code', async () => {
  const miner = new Child({ name: 'miner-1', script: 'local/miner.ts', args: ['box', '--ports', 'no'], log })
  expect((await miner.died).message).toMatch(/^miner-1 ended with code 2: /)
})
