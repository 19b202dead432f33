import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AllocationView, EventView } from '../schema/index.ts'
import type { WireMiner } from './support/agent.ts'
import { lineTo } from './support/line.ts'
import { Program, run } from './support/process.ts'
import { hasOpenssh, keyPair } from './support/ssh.ts'
import { startStack, type TestStack } from './support/stack.ts'
import { until } from './support/until.ts'

const withSsh = await hasOpenssh()
if (!withSsh) console.warn('\n!! NO OpenSSH client: the login part of the CLI story is SKIPPED.\n')

let stack: TestStack
let home: string
let key: string
let publicKey: string

beforeAll(async () => {
  stack = await startStack()
  home = await mkdtemp(join(tmpdir(), 'compute-home-'))
  key = (await stack.client({ max_gpus: 4 })).key
  const pair = keyPair()
  publicKey = join(home, 'mine.pub')
  await writeFile(publicKey, pair.public)
  await writeFile(join(home, 'mine'), pair.private, { mode: 0o600 })
})
afterAll(async () => {
  await stack?.close()
  if (home) await rm(home, { recursive: true, force: true })
})

const env = () => ({ HOME: home, XDG_CONFIG_HOME: join(home, 'config'), COMPUTE_URL: stack.url, COMPUTE_API_KEY: key })
const compute = (args: string[], more: Record<string, string> = {}) => run('compute', args, { ...env(), ...more })

async function json<T>(args: string[], env: Record<string, string> = {}): Promise<T> {
  const { code, out, err } = await compute([...args, '--json'], env)
  if (code !== 0) throw new Error(`compute ${args.join(' ')} ended with ${code}: ${err}`)
  return JSON.parse(out) as T
}

describe('a rental from a terminal', () => {
  it('gpus shows what is free, for people and for programs', async () => {
    const { free, items } = await json<{ free: number; items: { model: string; simulated: boolean }[] }>(['gpus', '--model', 'h200'])
    expect(free).toBe(8)
    expect(items).toMatchObject([{ model: 'NVIDIA H200', simulated: true }])
    const { out } = await compute(['gpus', '--model', 'h200'])
    expect(out).toMatch(/^MODEL +FREE/)
    expect(out).toContain('NVIDIA H200 (simulated)')
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

describe('a rental is acted on from a terminal', () => {
  /** Runs a command while the miner does what the edge asks of it. */
  async function served<T>(miner: WireMiner, command: Promise<T>): Promise<T> {
    let over = false
    const done = command.finally(() => (over = true))
    done.catch(() => undefined) // it is awaited below, after the miner's last word
    await until('the command ends', async () => (over ? true : (await miner.obey(), over)), 60_000)
    return done
  }

  /** A rental by name on a miner that does as it is told and nothing else. */
  async function rented(name: string): Promise<{ miner: WireMiner; id: string }> {
    const model = `Card of ${name}`
    const miner = await stack.edge.miner(1, model)
    miner.facts = { ...miner.facts, images: [{ reference: stack.image, warm: true }] }
    await miner.sync()
    const up = json<AllocationView>(['up', '--key', publicKey, '--name', name, '--model', model, '--hours', '3'])
    return { miner, id: (await served(miner, up)).id }
  }

  it('pause, show, resume, restart, extend: each says what is so now', async () => {
    const { miner, id } = await rented('acted')
    const said = async (...args: string[]) => (await served(miner, compute(args))).out
    expect(await said('pause', 'acted')).toContain(`${id} is paused. Its GPUs stay yours`)
    expect(await said('show', 'acted')).toMatch(new RegExp(`state: +paused \\(go on: compute resume ${id}\\)`))
    expect(await said('restart', 'acted')).toBe(`${id} was restarted and is paused, as before\n`)
    expect(await said('resume', 'acted')).toBe(`${id} runs on\n`)
    expect(await said('restart', id)).toBe(`${id} was restarted\n`)
    expect(await said('extend', id, '--hours', '48')).toMatch(new RegExp(`^${id} expires in (2 days|48 h)`))
    const shorter = await compute(['extend', id, '--hours', '1'])
    expect(shorter).toMatchObject({ code: 1, err: expect.stringMatching(/lease_hours \(--hours\): it is leased until/) })
    expect(await json<AllocationView>(['show', id])).toMatchObject({ restart_n: 2, observed_restart_n: 2, state: 'running' })
    await served(miner, compute(['down', id]))
    expect(await compute(['pause', id])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/does not allow this: al_\w+ is (being stopped|over)[\s\S]*compute show/),
    })
  })

  it('says it when the miner has not done it yet, and when its agent cannot', async () => {
    const { miner, id } = await rented('slow')
    const early = await compute(['pause', id, '--wait', '0'])
    expect(early).toMatchObject({ code: 0, out: expect.stringContaining(`${id} was asked to pause; its miner has not said yet`) })
    expect((await compute(['show', id])).out).toMatch(/state: +running \(asked to pause\)/)
    expect((await served(miner, compute(['pause', id]))).out).toContain('is paused')
    expect(await compute(['resume', id, '--wait', '51'])).toMatchObject({ code: 2, err: expect.stringContaining('--wait 51') })
    await miner.sync([], { protocol: 1 })
    const refused = await compute(['resume', id])
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/too old for that[\s\S]*upgrade the agent/) })
    await served(miner, compute(['down', id]))
  })

  it('rekey remembers which private keys open it now', async () => {
    const { miner, id } = await rented('keys')
    const pair = keyPair()
    await writeFile(join(home, 'second.pub'), pair.public)
    const kept = async () => JSON.parse(await readFile(join(home, 'config/compute/allocations', id, 'keys.json'), 'utf8')) as unknown
    const { out } = await served(miner, compute(['rekey', id, '--key', join(home, 'second.pub'), '--key', publicKey]))
    expect(out).toContain(`${id} opens to 2 keys and no other`)
    expect(await kept()).toEqual({ identities: [join(home, 'second'), join(home, 'mine')] })
    await served(miner, compute(['rekey', id, '--key', join(home, 'second.pub')]))
    expect(await kept()).toEqual({ identities: [join(home, 'second')] })
    expect(await compute(['rekey', id])).toMatchObject({ code: 2, err: expect.stringContaining('--key') })
    await served(miner, compute(['down', id]))
  })

  it('events tell the story and where the time went', async () => {
    const { miner, id } = await rented('told')
    await served(miner, compute(['pause', id]))
    const { out } = await compute(['events', 'told'])
    expect(out).toMatch(/^TIME +MS +ALLOCATION +EVENT +DETAILS\n/)
    expect(out).toMatch(/pause_asked\n.*\+[\d,]+ +al_\w+ +paused\n/)
    expect(out).toMatch(/\npause_asked, \+[\d,]+ ms paused +[\d,]+ ms +[0-9a-f]{32}\n?/)
    const { items } = await json<{ items: EventView[] }>(['events', id])
    expect(items.map((e) => e.kind)).toEqual(['allocated', 'ready', 'pause_asked', 'paused'])
    const [, , asked] = items
    const one = await json<{ items: EventView[] }>(['events', '--trace', asked?.trace_id ?? ''])
    expect(one.items.map((e) => e.kind)).toEqual(['pause_asked', 'paused'])
    const newest = await json<{ items: EventView[]; next: number }>(['events', id, '--limit', '1'])
    expect(newest).toEqual({ items: items.slice(3), next: items[3]?.id })
    expect((await compute(['events', id, '--after', String(newest.next)])).out).toBe('Nothing has happened yet\n')
    await served(miner, compute(['down', id]))
  })

  it('events --follow goes on where a broken line broke, and misses nothing', async () => {
    const { miner, id } = await rented('followed')
    const line = await lineTo(stack.url)
    const following = new Program('compute', ['events', id, '--follow', '--json'], { ...env(), COMPUTE_URL: line.url })
    const told = () =>
      following.out
        .split('\n')
        .filter(Boolean)
        .map((text) => (JSON.parse(text) as EventView).kind)
    await until('it told the past', () => told().length === 2, 30_000)
    line.cut()
    await served(miner, compute(['pause', id]))
    await until('it took the line up again', () => told().length === 4, 60_000)
    line.cut()
    await served(miner, compute(['down', id]))
    await until('it told the end', () => told().at(-1) === 'ended', 60_000)
    following.child.kill('SIGINT')
    const { err } = await following.ended
    await line.close()
    expect(told()).toEqual(['allocated', 'ready', 'pause_asked', 'paused', 'stop_asked', 'ended'])
    expect(err.match(/Taking it up again/g)?.length).toBe(2)
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
