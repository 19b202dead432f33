import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { ChainError } from '../../core/chain/errors.ts'
import type { ChainStatus, Metagraph, Neuron, WeightRow } from '../../core/chain/types.ts'
import { realClock } from '../../core/clock.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { makeLog } from '../../core/log.ts'
import { openSocket } from '../../core/socket.ts'
import { runCommand } from '../commands/index.ts'
import { openStore } from '../store/open.ts'
import type { NewCycle, Store } from '../store/types.ts'
import type { ExplainAnswer, MinersAnswer, WeightsAnswer } from './answers.ts'
import type { Desk } from './desk.ts'
import { readNow } from './onchain.ts'
import { deskRoutes } from './routes.ts'

const log = makeLog('silent', 'test')
const address = () => hotkeyFromSeed(randomBytes(32)).address
const [OWN, GOOD, BAD] = [address(), address(), address()]
const NOW = realClock.wallMs()
const HOUR = 3600_000
const CARD = 'NVIDIA H200'

function neuron(uid: number, hotkey: string): Neuron {
  const axon = { ip: `203.0.113.${uid + 1}`, port: 8091, version: 190, block: 1, protocol: 4 }
  const numbers = { lastUpdate: 1, registeredAt: 1, emission: 0n, incentive: 0, dividends: 0, consensus: 0, totalStake: 0n, alphaStake: 0n, taoStake: 0n }
  return { uid, hotkey, coldkey: OWN, axon, active: true, validatorPermit: uid === 0, ...numbers }
}
const METAGRAPH: Metagraph = {
  netuid: 27,
  block: { number: 400, hash: `0x${'a'.repeat(64)}` },
  timestampMs: NOW,
  tempo: 360,
  ownerHotkey: null,
  ownerColdkey: null,
  neurons: [OWN, GOOD, BAD].map((hotkey, uid) => neuron(uid, hotkey)),
}
const CYCLE: NewCycle = {
  hotkey: OWN,
  netuid: 27,
  mechanism: 0,
  mode: 'plain',
  state: 'confirmed',
  uids: [1, 2],
  hotkeys: [GOOD, address()],
  values: [65_535, 21_845],
  versionKey: '190',
  plannedBlock: 350,
  includedBlock: 351,
  readBlock: 352,
  readAt: NOW,
  attempts: 1,
  at: NOW,
}

let state = ''
let store: Store
let rescored = 0
let metagraph: Metagraph | null = METAGRAPH
let endpoint: string | null = 'ws://chain'
let read: () => Promise<Map<number, WeightRow>>
const closing: (() => unknown)[] = []

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'operator-'))
  store = await openStore(state, log)
  rescored = 0
  metagraph = METAGRAPH
  endpoint = 'ws://chain'
  read = async () => new Map([[0, [[1, 3], [2, 1]]]]) // prettier-ignore
  closing.push(await openSocket(state, deskRoutes(desk()), log))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await store.close()
  await rm(state, { recursive: true })
})

function desk(): Desk {
  const status = () => ({ endpoint, trouble: 'no route' }) as ChainStatus
  const weights = async (_: number, __: number, uid: number) => (await read()).get(uid) ?? []
  return {
    hotkey: OWN,
    netuid: 27,
    chain: { status, weights, weightMatrix: () => read() },
    clock: realClock,
    store,
    bundles: join(state, 'proofs'),
    metagraph: () => metagraph,
    filtered: (m) =>
      new Map(
        m.neurons.map(({ uid, hotkey }) => [
          hotkey,
          { uid, hotkey, excluded: hotkey === OWN ? 'own' : null, why: hotkey === OWN ? 'itself' : null, shares: [] },
        ]),
      ),
    development: () => false,
    peers: async () => new Map([[BAD, [{ validator: OWN, stake: 5_000_000_000n, score: 50, gpus: null, atMs: NOW }]]]),
    weights: () => ({ dueBlock: 450, trouble: null }),
    rescore: () => void rescored++,
  }
}

/** What a command printed, and how it ended. */
async function run(name: string, ...argv: string[]): Promise<{ code: number; text: string }> {
  const said: string[] = []
  const code = await runCommand(name, [...argv, '--state', state], { env: {}, out: (text) => said.push(text) })
  return { code, text: said.join('\n') }
}
const json = async <T>(name: string, ...argv: string[]) => JSON.parse((await run(name, ...argv, '--json')).text) as T

async function score(hotkey: string, uid: number): Promise<void> {
  const factors = { factors: [{ name: 'catalog', value: 4, from: CARD }], note: null }
  await store.follow(
    METAGRAPH.neurons.map((n) => ({ hotkey: n.hotkey, uid: n.uid, coldkey: n.coldkey, registeredAt: n.registeredAt })),
    NOW,
  )
  await store.keepStats([
    { hotkey, uid, gpus: { model: CARD, count: 1 }, score: 12.5, allocated: false, ownScore: true, reliability: 1, factors, block: 399, at: NOW },
  ])
}

describe('miners', () => {
  it('shows everybody, or those that are left out, with counts of all', async () => {
    await score(GOOD, 1)
    const all = await json<MinersAnswer & { excluded: unknown }>('miners')
    expect(all.miners.map(({ uid, score: s, excluded }) => [uid, s, excluded])).toEqual([
      [0, null, 'own'],
      [1, 12.5, null],
      [2, null, null],
    ])
    const out = await json<MinersAnswer & { excluded: unknown }>('miners', '--excluded')
    expect(out.miners.map((m) => m.uid)).toEqual([0])
    expect(out.excluded).toEqual({ own: 1 })
    expect((await run('miners', '--excluded')).text).toMatch(/left out, own: itself\n\nblock 400: 3 on the subnet, 2 queryable, 1 left out \(1 own\)$/)
  })

  it('says where to look while the subnet is unknown', async () => {
    metagraph = null
    await expect(run('miners')).rejects.toThrow(/subnet 27 was not read from the chain yet; compute validator status says why/)
  })
})

describe('explain', () => {
  it('takes a hotkey or a uid, and tells all there is', async () => {
    await score(GOOD, 1)
    const gpus = [{ uuid: 'GPU-1', model: CARD, rentedMs: 0 }]
    await store.keepProof({ hotkey: GOOD, result: 'valid', gpus, simulated: false, reason: null, durationMs: 5000, block: 390, at: NOW - 2 * HOUR })
    const gpu = { uuid: 'GPU-1', model: CARD, vram_mb: 1, simulated: false, rented: false, rented_ms: HOUR }
    const miner = {
      hotkey: GOOD,
      version: '1.9.0',
      online: 'online' as const,
      available: true,
      address: 'h',
      simulated: false,
      reported_at_ms: NOW,
      proof_due: false,
      gpus: [gpu],
    }
    await store.keepSpecs([miner], NOW)
    await store.newCycle(CYCLE)
    const answer = await json<ExplainAnswer>('explain', GOOD)
    expect(answer).toMatchObject({ uid: 1, address: '203.0.113.2:8091', excluded: null, stat: { score: 12.5, own: true }, edge: { available: true } })
    expect(answer.cards).toMatchObject([{ uuid: 'GPU-1', lapse: null }])
    const [card] = answer.cards
    expect((card?.age_ms ?? 0) - (card?.unrented_ms ?? 0), 'an hour of its age it was rented').toBe(HOUR)
    expect(answer.weight).toEqual({ cycle: { id: 1, state: 'confirmed', reason: null }, wanted: 0.75, found: 0.75, trouble: null })
    expect({ ...(await json<ExplainAnswer>('explain', '1')), at: '', cards: [] }).toEqual({ ...answer, at: '', cards: [] })
    expect((await run('explain', '1')).text).toMatch(/^score {6}12.50 of 100: 1 x NVIDIA H200, by own proofs \(block 399, /m)
  })

  it('counts no weight for who was on the uid before, and shows the numbers of others', async () => {
    await store.newCycle(CYCLE)
    const { weight, peers } = await json<ExplainAnswer>('explain', BAD)
    expect(weight).toMatchObject({ wanted: null, found: 0.25 })
    expect(peers).toMatchObject([{ validator: OWN, stake: '5000000000', score: 50 }])
  })

  test.each([
    ['nobody', /"nobody" is neither a hotkey \(ss58\) nor a uid/],
    ['99', /uid 99 is not on subnet 27 \(block 400\): compute validator miners shows who is/],
    [address(), /^the agent of \S+ refuses: hotkey \S+ is not on subnet 27/],
  ])('refuses %s', async (miner, why) => {
    await expect(run('explain', miner)).rejects.toThrow(why)
  })
})

describe('weights show', () => {
  it('reads back what stands on chain', async () => {
    await store.newCycle({ ...CYCLE, hotkeys: [GOOD, BAD] })
    const answer = await json<WeightsAnswer>('weights', 'show')
    expect(answer).toMatchObject({ uid: 0, due_block: 450, of_cycle: 1, matrix: null })
    expect(answer.rows).toEqual([
      { uid: 1, hotkey: GOOD, wanted: 0.75, found: 0.75 },
      { uid: 2, hotkey: BAD, wanted: 0.25, found: 0.25 },
    ])
    expect(await run('weights', 'show')).toMatchObject({ code: 0, text: expect.not.stringContaining('DIFFERS') as string })
  })

  it('shows what differs, and ends with 1 when the last cycle failed', async () => {
    await store.newCycle({ ...CYCLE, state: 'different', reason: 'others stand there' })
    await store.newCycle({ ...CYCLE, state: 'dropped' })
    read = async () => new Map([[0, [[2, 1]]]])
    const { code, text } = await run('weights', 'show')
    expect(code).toBe(1)
    expect(text).toMatch(new RegExp(`^1 +${GOOD} +75.00 % +0.00 % +DIFFERS$`, 'm'))
  })

  it('shows the rows of all validators, whole as JSON', async () => {
    read = async () => new Map([[0, [[1, 65_535]]], [2, [[1, 1], [0, 1]]], [1, []]]) // prettier-ignore
    const { matrix } = await json<WeightsAnswer>('weights', 'show', '--matrix')
    expect(matrix).toEqual([
      { uid: 0, hotkey: OWN, weights: [[1, 65_535]] },
      { uid: 2, hotkey: BAD, weights: [[1, 1], [0, 1]] }, // prettier-ignore
    ])
    expect((await run('weights', 'show', '--matrix')).text).toMatch(/^FROM +HOTKEY +0 +1\n0\* /m)
  })

  it('tells what is known while the chain is away, and passes a defect on', async () => {
    await store.newCycle(CYCLE)
    read = () => Promise.reject(new ChainError('Busy', 'connection', 'too many questions', true))
    expect((await run('weights', 'show', '--matrix')).text).toMatch(/^chain {6}CANNOT BE READ NOW: too many questions$[^]*75.00 % +\?$/m)
    endpoint = null
    expect((await json<WeightsAnswer>('weights', 'show')).chain_trouble).toBe('the chain does not answer: no route')
    endpoint = 'ws://chain'
    read = () => Promise.reject(new TypeError('a defect'))
    await expect(run('weights', 'show')).rejects.toThrow(/a defect/)
  })

  it('waits for no chain that answers nothing', async () => {
    const clock = { ...realClock, sleep: async () => undefined }
    const never = new Promise<never>(() => undefined)
    expect(await readNow({ chain: desk().chain, clock }, () => never)).toEqual({ value: null, trouble: 'the chain did not answer within 6 s' })
  })

  it('knows only show', async () => {
    await expect(run('weights')).rejects.toThrow('compute validator weights --state is no command')
    await expect(run('weights', 'list')).rejects.toThrow('compute validator weights list is no command; there is: compute validator weights show')
  })
})

describe('penalize and pardon', () => {
  it('holds at once, for a day unless said, and again takes the new reason and end', async () => {
    const { code, text } = await run('penalize', BAD, '--reason', 'fake cards')
    expect({ code, rescored }).toEqual({ code: 0, rescored: 1 })
    expect(text).toMatch(new RegExp(`^uid 2, ${BAD}, is penalized until \\S+: fake cards\n`))
    const first = (await store.penalties(realClock.wallMs())).get(BAD)
    expect((first?.until ?? 0) - (first?.from ?? 0)).toBe(24 * HOUR)
    expect((await run('penalize', BAD, '--reason', 'more of them', '--for', 'forever')).text).toMatch(/penalized already, since/)
    expect((await store.penalties(realClock.wallMs())).get(BAD)).toEqual({ hotkey: BAD, reason: 'more of them', from: first?.from, until: null })
    expect((await json<MinersAnswer>('miners')).miners[2]?.penalty).toMatchObject({ reason: 'more of them', until: null })
  })

  it('ends with a pardon, and a second one finds nothing', async () => {
    await run('penalize', BAD, '--reason', 'fake cards', '--for', '7d')
    expect(await run('pardon', BAD)).toMatchObject({ code: 0, text: expect.stringMatching(/is pardoned; it was penalized since/) as string })
    expect(await run('pardon', BAD)).toMatchObject({ code: 0, text: expect.stringMatching(/there is nothing to pardon$/) as string })
    expect(rescored, 'nothing changed the second time').toBe(2)
    expect(await store.penalties(realClock.wallMs())).toEqual(new Map())
  })

  test.each<[string, string[], RegExp]>([
    ['who is not there', ['penalize', address(), '--reason', 'x'], /is not on subnet 27/],
    ['itself', ['penalize', OWN, '--reason', 'x'], /is this validator itself/],
    ['a uid', ['penalize', '2', '--reason', 'x'], /"2" is no hotkey/],
    ['no reason', ['penalize', BAD], /--reason <text>' not specified/],
    ['an empty reason', ['penalize', BAD, '--reason', ' \n'], /--reason has 0 characters/],
    ['a long reason', ['penalize', BAD, '--reason', 'x'.repeat(201)], /--reason has 201 characters: say why in 1 to 200/],
    ['a bad time', ['penalize', BAD, '--reason', 'x', '--for', 'ever'], /--for cannot be "ever"/],
    ['a stranger', ['pardon', address()], /is not on subnet 27/],
  ])('refuses %s', async (_, [name = '', ...argv], why) => {
    await expect(run(name, ...argv)).rejects.toThrow(why)
    expect(rescored).toBe(0)
  })
})

it('says how to start an agent where none runs', async () => {
  for (const close of closing.splice(0)) await close()
  for (const argv of [['miners'], ['explain', '1'], ['weights', 'show'], ['penalize', BAD, '--reason', 'x'], ['pardon', BAD]])
    await expect(run(argv[0] ?? '', ...argv.slice(1)), argv[0]).rejects.toThrow(/no agent runs there: start it, or name its --state directory/)
})
