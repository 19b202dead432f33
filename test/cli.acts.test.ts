import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AllocationView, EventView } from '../schema/index.ts'
import type { WireMiner } from './support/agent.ts'
import { lineTo } from './support/line.ts'
import { Program } from './support/process.ts'
import { hasOpenssh } from './support/ssh.ts'
import { newKey, onTerminal, type Terminal } from './support/terminal.ts'
import { until } from './support/until.ts'

const withSsh = await hasOpenssh()

let stack: Terminal['stack']
let home: string
let publicKey: string
let env: Terminal['env']
let compute: Terminal['compute']
let json: Terminal['json']
onTerminal((t) => ({ stack, home, publicKey, env, compute, json } = t))

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

describe('acts from a terminal', () => {
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
    const second = await newKey(home, 'second')
    const kept = async () => JSON.parse(await readFile(join(home, 'config/compute/allocations', id, 'keys.json'), 'utf8')) as unknown
    const { out } = await served(miner, compute(['rekey', id, '--key', second, '--key', publicKey]))
    expect(out).toContain(`${id} opens to 2 keys and no other`)
    expect(await kept()).toEqual({ identities: [join(home, 'second'), join(home, 'mine')] })
    await served(miner, compute(['rekey', id, '--key', second]))
    expect(await kept()).toEqual({ identities: [join(home, 'second')] })
    expect(await compute(['rekey', id])).toMatchObject({ code: 2, err: expect.stringContaining('--key') })
    await served(miner, compute(['down', id]))
  })

  it.skipIf(!withSsh)('on a real host: the disk outlives pause and restart, and after rekey only the new key opens it', async () => {
    const fresh = await newKey(home, 'fresh')
    const { id } = await json<AllocationView>(['up', '--key', publicKey, '--name', 'real', '--hotkey', stack.miners[0]?.hotkey ?? ''])
    expect((await compute(['ssh', id, '--', 'echo kept > file'])).code).toBe(0)
    for (const act of ['pause', 'resume', 'restart'])
      expect(await compute([act, id]), act).toMatchObject({ code: 0, out: expect.not.stringContaining('not said yet') })
    expect((await compute(['rekey', id, '--key', fresh])).out).toContain('opens to 1 key and no other')
    expect(await compute(['ssh', id, '--', 'cat file'])).toMatchObject({ code: 0, out: 'kept\n' })
    expect(await compute(['ssh', id, '-i', join(home, 'mine'), '--', 'true'])).toMatchObject({ code: 255, err: expect.stringContaining('Permission denied') })
    const { items } = await json<{ items: EventView[] }>(['events', id])
    const words = items.map((e) => e.kind).filter((kind) => kind !== 'phase')
    expect(words).toEqual(['allocated', 'ready', 'pause_asked', 'paused', 'resume_asked', 'resumed', 'restart_asked', 'restarted', 'rekey_asked', 'rekeyed'])
    await compute(['down', id])
  })

  it('a restart whose answer was lost on the way restarts once', async () => {
    const { miner, id } = await rented('once')
    const line = await lineTo(stack.url)
    const restarting = compute(['restart', id], { COMPUTE_URL: line.url })
    await until('the edge was asked', async () => (await json<AllocationView>(['show', id])).restart_n === 1, 30_000)
    line.cut()
    expect(await served(miner, restarting)).toMatchObject({ code: 0, out: `${id} was restarted\n` })
    expect(await json<AllocationView>(['show', id])).toMatchObject({ restart_n: 1, observed_restart_n: 1 })
    await line.close()
    await served(miner, compute(['down', id]))
  })
})

describe('events on a terminal', () => {
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
