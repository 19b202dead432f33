import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { realClock } from '../../node-agents/core/clock.ts'
import { proofScript, proveOver } from '../../node-agents/core/proof/over-ssh.ts'
import type { SessionResult, Task } from '../../node-agents/core/proof/session/types.ts'
import { sshShell } from '../../node-agents/core/ssh/client.ts'
import { eventually } from '../support/eventually.ts'
import { pythonWithNumpy } from '../support/script.ts'
import { type Door, hasSshd, startSshd } from '../support/sshd.ts'

/** The script itself, put there and run over OpenSSH's own server, as a validator does it. */

const sshd = hasSshd()
const python = await pythonWithNumpy()
const TASK: Task = { gpus: 2, sizes: { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 2, Q: 12 }, chainMs: 20_000, sweepMs: 20_000 }
const still = new AbortController().signal

let server: Door
beforeAll(async () => void (sshd && (server = await startSshd())))
afterAll(async () => void (sshd && (await server.stop())))

async function prove(by: string, task = TASK): Promise<SessionResult> {
  const hooks = { go: async () => Buffer.alloc(32, 7), committed: async () => undefined }
  const [shell, script] = [sshShell(), await proofScript()]
  return proveOver({ shell, door: server.door, key: server.privateKey, script, python: by, device: 'cpu', task, hooks, clock: realClock, signal: still })
}

const hidden = async () => (await readdir(homedir())).filter((name) => /^\.[0-9a-f]{16}$/.test(name))

describe.skipIf(!sshd)('a session over OpenSSH', () => {
  it.skipIf(!python)('with the script passes, and leaves nothing behind', async () => {
    const before = await hidden()
    const result = await prove(python ?? '')
    expect(result).toMatchObject({ ended: 'complete', text: 'all 2 GPUs passed', claims: [{ name: 'cpu' }, { name: 'cpu' }] })
    expect(result.rttMs).toBeGreaterThan(0)
    expect(result.times).toHaveLength(2)
    await eventually(async () => expect(await hidden()).toEqual(before))
  })

  it.skipIf(!python)('with the script in sizes that need more memory than there is is refused in its words', async () => {
    const result = await prove(python ?? '', { ...TASK, gpus: 1, sizes: { ...TASK.sizes, n: 32_768, K: 1500 } })
    expect(result).toMatchObject({ ended: 'refused', phase: 'prep', text: expect.stringMatching(/^prep: GPU 0 says: not enough memory: /) })
  })

  it.each([
    ['no python', 'no-such-python', 'broken', /^hello: the script ended; its last words: .*not found/],
    ['one that only speaks', 'echo', 'malformed', /^hello: a line is no JSON/],
    ['one that says nothing and ends', 'true', 'broken', /^hello: the script ended$/],
  ])('with %s for a python is said to be that', async (_, by, ended, says) => {
    expect(await prove(by)).toMatchObject({
      ended,
      phase: 'hello',
      text: expect.stringMatching(says),
      verdict: { result: expect.not.stringMatching('passed') },
    })
  })
})
