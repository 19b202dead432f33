import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AllocationView } from '../schema/index.ts'
import { Program } from './support/process.ts'
import { hasOpenssh } from './support/ssh.ts'
import { onTerminal, type Terminal } from './support/terminal.ts'
import { until } from './support/until.ts'

const withSsh = await hasOpenssh()
if (!withSsh) console.warn('\n!! NO OpenSSH client: the login part of the CLI story is SKIPPED.\n')

let stack: Terminal['stack']
let home: string
let key: string
let publicKey: string
let env: Terminal['env']
let compute: Terminal['compute']
let json: Terminal['json']
onTerminal((t) => ({ stack, home, key, publicKey, env, compute, json } = t))

describe('a rental from a terminal', () => {
  it('gpus shows what is free, for people and for programs', async () => {
    const { free, items } = await json<{ free: number; items: { model: string; simulated: boolean }[] }>(['gpus', '--model', 'h200'])
    expect(free).toBe(8)
    expect(items).toMatchObject([{ model: 'NVIDIA H200', simulated: true }])
    const { out } = await compute(['gpus', '--model', 'h200'])
    expect(out).toMatch(/^MODEL +FREE/)
    expect(out).toContain('NVIDIA H200 (simulated)')
  })

  it('miners and network show who is there and what validators say', async () => {
    const { items } = await json<{ items: { hotkey: string }[] }>(['miners'])
    expect((await compute(['miners'])).out).toMatch(/^MINER +STATUS[^\n]+SCORE/)
    expect((await compute(['miners', items[0]?.hotkey ?? ''])).out).toMatch(/^score: +\w/m)
    expect((await compute(['network'])).out).toMatch(/^subnet: +\d+/)
  })

  it('up, ssh, ls, down', async () => {
    const rented = await json<AllocationView>(['up', '--gpus', '2', '--name', 'work', '--key', publicKey, '--env', 'GREETING=hello there'])
    expect(rented).toMatchObject({ state: 'running', name: 'work', simulated: true, driver: 'box' })
    expect(rented.gpus).toHaveLength(2)

    if (withSsh) {
      const there = await compute(['ssh', 'work', '--', 'echo "$GREETING"; exit 7'])
      expect(there).toMatchObject({ code: 7, out: 'hello there\n', err: '' })
      const pinned = await readFile(join(home, 'config/compute/allocations', rented.id, 'known_hosts'), 'utf8')
      expect(pinned.trim()).toBe(rented.endpoint?.known_hosts)
    }

    const listed = await compute(['ls'])
    expect(listed.out).toMatch(new RegExp(`${rented.id} +work +running`))
    expect((await compute(['show', 'work'])).out).toContain('NO ISOLATION')

    expect(await json<AllocationView>(['down', 'work'])).toMatchObject({ id: rented.id, state: 'ended', end_reason: 'released' })
    expect((await compute(['ls'])).out).toMatch(/Nothing rented[\s\S]*1 ended/)
  })

  it('the same idempotency key is the same rental', async () => {
    const again = ['up', '--key', publicKey, '--idempotency-key', 'once', '--wait', '0']
    const [first, second] = [await json<AllocationView>(again), await json<AllocationView>(again)]
    expect(second.id).toBe(first.id)
    await compute(['down', first.id])
  })

  it('Ctrl-C while it comes up: it stays rented, and the id and the way out are said', async () => {
    const up = new Program('compute', ['up', '--key', publicKey, '--init', '["sleep","4"]'], env())
    const id = await until('it says the id', () => /^(al_\w+): (?:pending|starting)/m.exec(up.err)?.[1], 20_000)
    up.child.kill('SIGINT')
    expect(await up.ended).toMatchObject({ code: 130, out: '', err: expect.stringContaining(`compute down ${id}`) })
    expect(await json<AllocationView>(['show', id])).toMatchObject({ id, end_reason: null })
    expect(await json<AllocationView>(['down', id])).toMatchObject({ state: 'ended' })
  })
})

describe('what goes wrong is named, with its field and a fix', () => {
  const upWith = (...args: string[]) => compute(['up', '--key', publicKey, ...args])

  it('an image that nobody offers', async () => {
    const { code, out, err } = await upWith('--image', 'nobody/offers:this', '--json')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^error: No miner offers this image/)
    expect(err).toContain(`image (--image): choose one of: ${stack.image}`)
    expect(err).toMatch(/trace [0-9a-f]{32}/)
  })

  it('a variable with an impossible name', async () => {
    const { code, err } = await upWith('--env', '1BAD=x')
    expect(code).toBe(1)
    expect(err).toContain('env.1BAD (--env): letters, digits and _')
  })

  it('more than the quota', async () => {
    const { code, err } = await upWith('--gpus', '5')
    expect(code).toBe(1)
    expect(err).toMatch(/holds 0 of 4 GPUs and asks for 5 more[\s\S]*compute down/)
  })

  it('a private key: it is never sent', async () => {
    const { code, err } = await compute(['up', '--key', join(home, 'mine')])
    expect(code).toBe(2)
    expect(err).toMatch(/ssh_keys \(--key\): .*\.pub/)
    expect(err).not.toContain('PRIVATE')
  })

  it('wrong usage, with where to read more', async () => {
    expect(await compute(['up', '--gpus', 'many'])).toMatchObject({ code: 2, err: expect.stringContaining('--gpus "many"') })
    expect(await compute(['nonsense'])).toMatchObject({ code: 2, err: expect.stringContaining('compute --help') })
    expect(await compute(['up', '--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--idempotency-key') })
  })

  it('a reader that has seen enough is no error', async () => {
    const program = new Program('compute', ['validator', '--help'])
    program.child.stdout?.destroy()
    expect(await program.ended).toMatchObject({ code: 0, err: '' })
  })

  it("somebody else's allocation is not there", async () => {
    const { code, err } = await compute(['show', 'al_01k0000000000000000000000a'])
    expect(code).toBe(1)
    expect(err).toMatch(/Not found[\s\S]*compute ls/)
  })

  it('a key that is none', async () => {
    const { code, err } = await compute(['ls'], { COMPUTE_API_KEY: 'wrong' })
    expect(code).toBe(1)
    expect(err).toMatch(/API key[\s\S]*compute login/)
  })
})

describe('login and admin', () => {
  const nothing = { COMPUTE_URL: '', COMPUTE_API_KEY: '' }

  it('login keeps what works, for this user only, and nothing else', async () => {
    const file = join(home, 'config/compute/credentials.json')
    expect(await compute(['login', '--url', stack.url, '--key', 'wrong'], nothing)).toMatchObject({ code: 1 })
    await expect(stat(file)).rejects.toThrow(/ENOENT/)
    expect(await compute(['login', '--url', stack.url, '--key', key], nothing)).toMatchObject({ code: 0 })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await compute(['ls'], nothing)).toMatchObject({ code: 0 })
  })

  it('an admin makes, lists and revokes keys', async () => {
    const admin = { COMPUTE_API_KEY: stack.adminKey }
    const { id, secret } = await json<{ id: string; secret: string }>(['admin', 'keys', 'create', '--tenant', 'new', '--max-gpus', '3'], admin)
    expect(await compute(['ls'], { COMPUTE_API_KEY: secret })).toMatchObject({ code: 0 })
    expect((await compute(['admin', 'keys', 'list'], admin)).out).toMatch(new RegExp(`${id} +new .*3 GPUs`))
    expect(await compute(['admin', 'keys', 'revoke', id], admin)).toMatchObject({ code: 0 })
    expect(await compute(['ls'], { COMPUTE_API_KEY: secret })).toMatchObject({ code: 1 })
  })

  it('an admin says who may act; a client may not', async () => {
    const admin = { COMPUTE_API_KEY: stack.adminKey }
    const hotkey = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
    expect(await compute(['admin', 'allow', hotkey, '--role', 'miner'], admin)).toMatchObject({ code: 0 })
    expect((await compute(['admin', 'allow', 'list'], admin)).out).toMatch(new RegExp(`${hotkey} +miner +active`))
    expect(await compute(['admin', 'allow', 'remove', hotkey], admin)).toMatchObject({ code: 0 })
    expect((await compute(['admin', 'allow', 'list'], admin)).out).toMatch(new RegExp(`${hotkey} +miner +draining`))
    expect(await compute(['admin', 'allow', hotkey, '--role', 'miner'])).toMatchObject({ code: 1, err: expect.stringContaining('scope') })
  })
})
