import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { openSocket } from '../../core/socket.ts'
import { VERSION } from '../../core/version.ts'
import type { Key } from '../key.ts'
import { routesOf } from '../operator.ts'
import type { AgentStatus } from '../status.ts'
import { runCommand } from './index.ts'

const [A, B, LATER] = ['a', 'b', 'c'].map((c) => `al_${c.repeat(26)}/1` as Key)
const strays = (...keys: (Key | undefined)[]): AgentStatus['unexplained'] =>
  keys.map((key = 'x/1') => ({ id: key.slice(0, -2), incarnation: 1, since: '2026-01-01T00:00:00.000Z', goes_at: null }))

let state = ''
const closing: (() => unknown)[] = []
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'confirm-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await rm(state, { recursive: true })
})

const status = (unexplained: AgentStatus['unexplained']): AgentStatus => ({
  hotkey: 'h',
  install: 'i',
  version: VERSION,
  protocol: 2,
  edge: { url: 'https://edge', address: null },
  sync: { ok_at: null, ok_age_s: null, refusal: null, socket_up: false, clock_offset_ms: null },
  wish: null,
  engine: { ok: true, message: '' },
  containers: [],
  unexplained,
  foreign: 0,
  chain: null,
})

async function compute(name: string, ...argv: string[]) {
  const said: string[] = []
  const makeDriver = () => Promise.reject(new Error('not needed'))
  const code = await runCommand(name, [...argv, '--state', state], { env: {}, out: (text) => said.push(text), makeDriver })
  return { code, out: said.join('\n') }
}

test('--all means those that were there when it was said, not what became unexplained since', async () => {
  const heard: unknown[] = []
  let now = strays(A, B)
  const operator = {
    status: () => {
      const seen = status(now)
      now = strays(A, B, LATER)
      return seen
    },
    confirm: (keys: Key[]) => {
      heard.push(keys)
      return keys
    },
  }
  closing.push(await openSocket(state, routesOf(operator), makeLog('fatal', 'test')))
  expect(await compute('confirm', '--all', '--yes')).toEqual({ code: 0, out: `confirmed, they go now: ${A}, ${B}` })
  expect(heard).toEqual([[A, B]])
})

test.each([
  [
    'another version',
    JSON.stringify({ version: '9.9.9', hotkey: 'h' }),
    /the agent of \S+ is version 9\.9\.9, and this program is \S+: they do not understand each other.*restart the agent/,
  ],
  ['no agent at all', 'hello', /the agent of \S+ is of an unknown version/],
])('%s answers: it is said so, in a line', async (_, answer, says) => {
  const server = createServer((_request, response) => response.end(answer))
  await new Promise<void>((resolve) => server.listen(join(state, 'control.sock'), resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  await expect(compute('status')).rejects.toMatchObject({ name: 'Mistake', message: expect.stringMatching(says) })
})
