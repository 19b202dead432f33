import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkUrl, loadCredentials, saveCredentials } from './credentials.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compute-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

const kept = { url: 'https://edge.example', key: 'k-kept' }
const env = (more: Record<string, string> = {}) => ({ XDG_CONFIG_HOME: folder, ...more })

test('what login keeps is read again, and only its owner can read it', async () => {
  const path = await saveCredentials(env(), kept)
  expect(path).toBe(join(folder, 'compute', 'credentials.json'))
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await loadCredentials(env())).toEqual(kept)
})

test('the environment wins, each variable on its own', async () => {
  await saveCredentials(env(), kept)
  expect(await loadCredentials(env({ COMPUTE_API_KEY: 'k-env' }))).toEqual({ url: kept.url, key: 'k-env' })
  expect(await loadCredentials(env({ COMPUTE_URL: 'http://127.0.0.1:8787/' }))).toEqual({ url: 'http://127.0.0.1:8787', key: kept.key })
})

test('a damaged file does not matter when the environment has both', async () => {
  const path = await saveCredentials(env(), kept)
  await writeFile(path, '{')
  await expect(loadCredentials(env())).rejects.toThrow(/damaged.*compute login/)
  const both = env({ COMPUTE_URL: 'https://other.example', COMPUTE_API_KEY: 'k' })
  expect(await loadCredentials(both)).toEqual({ url: 'https://other.example', key: 'k' })
})

test.each([
  [{}, /no edge is known.*compute login/],
  [{ COMPUTE_URL: 'https://edge.example' }, /no API key is known.*COMPUTE_API_KEY/],
])('with %j it says what is missing', async (more, message) => {
  await expect(loadCredentials(env(more))).rejects.toThrow(message)
})

test.each(['edge.example', 'ftp://edge.example', ''])('%j is no address', (url) => expect(() => checkUrl(url)).toThrow(/not the address/))

test('a key never travels in clear text to another machine', () => {
  expect(() => checkUrl('http://edge.example')).toThrow(/Use https/)
  expect(checkUrl('http://localhost:8787')).toBe('http://localhost:8787')
})
