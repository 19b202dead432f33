import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as wasm from '@ideallabs/timelock_wasm_wrapper'
import { blake2AsHex } from '@polkadot/util-crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Bench, withChain } from '../support/devchain.ts'
import { ask, call, type Pair, pairOf, query, send } from '../support/polkadot.ts'

const NETUID = 27
const TEMPO = 20

/** Alice, uid 1, with a permit and stake enough to keep it; epochs every 20 blocks; no limit on how often. */
async function validator(bench: Bench): Promise<Pair> {
  const alice = await pairOf('//Alice')
  await bench.control.register(NETUID, alice.address, alice.address)
  await bench.control.stake(alice.address, NETUID, 1_000_000n)
  await bench.control.permit(NETUID, 1, true)
  await bench.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 0)
  await bench.control.newBlocks()
  return alice
}

const read = async ({ api }: Bench, item: string, ...keys: unknown[]) => (await query(api, `subtensorModule.${item}`)(...keys)).toJSON()
const head = async ({ api }: Bench) => (await api.rpc.chain.getHeader()).number.toNumber()
const nextEpoch = async ({ api }: Bench) => (await ask(api, 'subnetInfoRuntimeApi.getNextEpochStartBlock', NETUID)) as number

/** Ends in the block of the next epoch. */
async function toEpoch(bench: Bench): Promise<void> {
  await bench.control.newBlocks((await nextEpoch(bench)) - (await head(bench)))
}

async function does({ api }: Bench, who: Pair, name: string, ...args: unknown[]): Promise<string | null> {
  try {
    return (await send(api, call(api, name.includes('.') ? name : `subtensorModule.${name}`, ...args), who)).error
  } catch (error) {
    return /Custom error: \d+/.exec(String(error))?.[0] ?? String(error)
  }
}

describe('epochs', () => {
  test('come when the runtime says they will, and are counted', () =>
    withChain({ blockMs: 'instant', tempo: TEMPO, commitReveal: false }, async (bench) => {
      await validator(bench)
      await bench.control.permit(NETUID, 1, false)
      expect(await nextEpoch(bench)).toBe(TEMPO)
      await bench.control.newBlocks(TEMPO - 1 - (await head(bench)))
      expect(await read(bench, 'subnetEpochIndex', NETUID)).toBe(0)
      expect(await read(bench, 'blocksSinceLastStep', NETUID)).toBe(TEMPO - 1)
      await bench.control.newBlocks()
      expect(await read(bench, 'subnetEpochIndex', NETUID)).toBe(1)
      expect(await read(bench, 'lastEpochBlock', NETUID)).toBe(TEMPO)
      expect(await read(bench, 'blocksSinceLastStep', NETUID)).toBe(0)
      expect(await nextEpoch(bench)).toBe(2 * TEMPO)
      expect(await read(bench, 'validatorPermit', NETUID)).toEqual([true, true])
    }))

  test('come early when the owner asks, and never with a tempo of 0', () =>
    withChain({ blockMs: 'instant', tempo: 360, commitReveal: false }, async (bench) => {
      const owner = await pairOf('//Owner')
      expect(await does(bench, await validator(bench), 'triggerEpoch', NETUID)).toBe('BadOrigin')
      expect(await does(bench, owner, 'triggerEpoch', NETUID)).toBeNull()
      expect(await nextEpoch(bench)).toBe((await head(bench)) + 10)
      expect(await does(bench, owner, 'triggerEpoch', NETUID)).toBe('EpochTriggerAlreadyPending')
      await toEpoch(bench)
      expect(await read(bench, 'subnetEpochIndex', NETUID)).toBe(1)
      await bench.control.hyperparameter(NETUID, 'Tempo', 0)
      await bench.control.newBlocks(400)
      expect(await nextEpoch(bench)).toBeNull()
      expect(await read(bench, 'subnetEpochIndex', NETUID)).toBe(1)
    }))

  test('and commit-reveal are changed by the owner, out of the window before an epoch, and only so often', () =>
    withChain({ blockMs: 'instant', tempo: 360 }, async (bench) => {
      const [owner, alice] = [await pairOf('//Owner'), await validator(bench)]
      const enable = (who: Pair, on: boolean) => does(bench, who, 'adminUtils.sudoSetCommitRevealWeightsEnabled', NETUID, on)
      const period = (epochs: number) => does(bench, owner, 'adminUtils.sudoSetCommitRevealWeightsInterval', NETUID, epochs)
      expect(await enable(alice, false)).toBe('BadOrigin')
      expect(await enable(owner, false)).toBeNull()
      expect(await read(bench, 'commitRevealWeightsEnabled', NETUID)).toBe(false)
      expect(await enable(owner, true)).toBe('TxRateLimitExceeded')
      expect([await period(101), await period(0), await period(2)]).toEqual(['RevealPeriodTooLarge', 'RevealPeriodTooSmall', null])
      expect(await read(bench, 'revealPeriodEpochs', NETUID)).toBe(2)
      expect([await does(bench, owner, 'setTempo', NETUID, 400), await does(bench, owner, 'setTempo', NETUID, 500)]).toEqual([null, 'TxRateLimitExceeded'])
      await bench.control.newBlocks((await nextEpoch(bench)) - (await head(bench)) - 5)
      await bench.control.hyperparameter(NETUID, 'OwnerHyperparamRateLimit', 0)
      expect(await enable(owner, true)).toBe('AdminActionProhibitedDuringWeightsWindow')
      await bench.control.newBlocks(10)
      expect(await enable(owner, true)).toBeNull()
    }))

  test('share the emission out after the weights, and take permits from who lost the stake', () =>
    withChain({ blockMs: 'instant', tempo: TEMPO, commitReveal: false, stakeThreshold: 1000n }, async (bench) => {
      const alice = await validator(bench)
      const miner = (await pairOf('//Bob')).address
      await bench.control.register(NETUID, miner, miner)
      expect(await does(bench, alice, 'setWeights', NETUID, [2], [1], 0)).toBeNull()
      await toEpoch(bench)
      expect(await read(bench, 'incentive', NETUID)).toEqual([0, 0, 65535])
      expect(await read(bench, 'dividends', NETUID)).toEqual([0, 65535, 0])
      const emission = (await read(bench, 'emission', NETUID)) as number[]
      expect(emission[2]).toBeGreaterThan(0)
      expect(await read(bench, 'totalHotkeyAlpha', miner, NETUID)).toBe(emission[2])
      await bench.control.stake(alice.address, NETUID, 999n)
      await toEpoch(bench)
      expect(await read(bench, 'validatorPermit', NETUID)).toEqual([true, false, true])
    }))
})

describe('hashed commits', () => {
  test('are revealed in the one epoch after, and named when it is another or the hash is not theirs', () =>
    withChain({ blockMs: 'instant', tempo: TEMPO }, async (bench) => {
      const alice = await validator(bench)
      const shape = bench.api.createType('(AccountId32, u16, Vec<u16>, Vec<u16>, Vec<u16>, u64)', [alice.publicKey, NETUID, [0, 1], [1, 3], [5, 6], 7])
      const revealed = [NETUID, [0, 1], [1, 3], [5, 6], 7]
      await bench.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 5)
      await bench.control.newBlocks(5)
      expect(await does(bench, alice, 'commitWeights', NETUID, blake2AsHex(shape.toU8a()))).toBeNull()
      const committed = await head(bench)
      expect(await does(bench, alice, 'commitMechanismWeights', NETUID, 0, blake2AsHex('another'))).toBe('Custom error: 6')
      expect(((await read(bench, 'lastUpdate', NETUID)) as number[])[1]).toBe(committed)
      expect(await does(bench, alice, 'revealWeights', ...revealed)).toBe('Custom error: 17')
      await toEpoch(bench)
      expect(await does(bench, alice, 'revealWeights', NETUID, [0, 1], [1, 3], [5, 7], 7)).toBe('Custom error: 16')
      expect(await does(bench, alice, 'revealMechanismWeights', ...revealed.toSpliced(1, 0, 0))).toBeNull()
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([
        [0, 21845],
        [1, 65535],
      ])
      expect(((await read(bench, 'lastUpdate', NETUID)) as number[])[1]).toBe(committed)
      expect(await does(bench, alice, 'revealWeights', ...revealed)).toBe('Custom error: 16')
    }))

  test('wait ten at a time, and are too late after their epoch', () =>
    withChain({ blockMs: 'instant', tempo: TEMPO }, async (bench) => {
      const alice = await validator(bench)
      await toEpoch(bench)
      for (let i = 0; i < 10; i++) expect(await does(bench, alice, 'commitWeights', NETUID, blake2AsHex(`${i}`))).toBeNull()
      expect(await does(bench, alice, 'commitWeights', NETUID, blake2AsHex('10'))).toBe('TooManyUnrevealedCommits')
      await toEpoch(bench)
      await toEpoch(bench)
      expect(await does(bench, alice, 'commitWeights', NETUID, blake2AsHex('10'))).toBeNull()
      expect(await read(bench, 'weightCommits', NETUID, alice.address)).toHaveLength(1)
    }))
})

describe('timelocked commits', () => {
  /** Time stands still, so no round comes out while a story goes on. */
  const STILL = { blockMs: 'instant', tempo: TEMPO, nowMs: () => 1_800_000_000_000 } as const

  beforeAll(() => {
    wasm.initSync({ module: readFileSync(new URL('timelock_wasm_wrapper_bg.wasm', import.meta.resolve('@ideallabs/timelock_wasm_wrapper'))) })
  })

  /** By the wasm build of the runtime's crate, for the development beacon. */
  async function sealed({ api, control }: Bench, hotkey: Uint8Array, uids: number[], values: number[], round: number): Promise<string> {
    const { publicKey } = await control.call<{ publicKey: string }>('beacon', {})
    const payload = api.createType('(Bytes, Vec<u16>, Vec<u16>, u64)', [`0x${Buffer.from(hotkey).toString('hex')}`, uids, values, 0]).toU8a()
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(BigInt(round))
    const identity = createHash('sha256').update(number).digest()
    const bytes = wasm.tle(identity, payload, new Uint8Array(32).fill(9), Buffer.from(publicKey, 'hex'), 'bls12_381') as number[]
    return `0x${Buffer.from(bytes).toString('hex')}`
  }
  const stored = async ({ api }: Bench) => Number((await query(api, 'drand.lastStoredRound')()).toString())

  test('are opened by the chain in their epoch, and weigh; what it cannot open is gone without a word', () =>
    withChain(STILL, async (bench) => {
      const alice = await validator(bench)
      const bob = await pairOf('//Bob')
      const round = await stored(bench)
      expect(round).toBeGreaterThan(0)
      const commit = (bytes: string, at = round) => does(bench, alice, 'commitTimelockedMechanismWeights', NETUID, 0, bytes, at, 4)
      expect(await does(bench, alice, 'commitTimelockedWeights', NETUID, '0x00', round, 3)).toBe('IncorrectCommitRevealVersion')
      expect(await commit(await sealed(bench, alice.publicKey, [0, 1], [1, 1], round), round - 1)).toBe('Custom error: 15')
      expect(await commit(await sealed(bench, alice.publicKey, [0, 1], [1, 3], round))).toBeNull()
      expect(await commit('0x1234')).toBeNull()
      expect(await commit(await sealed(bench, bob.publicKey, [0], [1], round))).toBeNull()
      expect(await commit(await sealed(bench, alice.publicKey, [0], [1], round + 1))).toBeNull()
      expect(await read(bench, 'timelockedWeightCommits', NETUID, 0)).toHaveLength(4)
      await bench.control.newBlocks((await nextEpoch(bench)) - (await head(bench)) - 1)
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([])
      await bench.control.newBlocks()
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([
        [0, 21845],
        [1, 65535],
      ])
      expect(await read(bench, 'timelockedWeightCommits', NETUID, 0)).toEqual([])
      const events = (await query(bench.api, 'system.events')()) as unknown as { event: { method: string } }[]
      expect(events.filter(({ event }) => event.method === 'TimelockedWeightsRevealed')).toHaveLength(1)
    }))

  test('wait for a pulse that is missing as long as their epoch lasts', () =>
    withChain(STILL, async (bench) => {
      const alice = await validator(bench)
      const round = await stored(bench)
      const commit = async (at: number) => {
        const bytes = await sealed(bench, alice.publicKey, [0, 1], [1, 1], at)
        expect(await does(bench, alice, 'commitTimelockedMechanismWeights', NETUID, 0, bytes, at, 4)).toBeNull()
      }
      const { signature } = await bench.control.call<{ signature: string }>('pulse', { round: round + 1000 })
      await commit(round + 1000)
      await commit(round + 2000)
      await toEpoch(bench)
      await bench.control.newBlocks(5)
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([])
      expect(await read(bench, 'timelockedWeightCommits', NETUID, 0)).toHaveLength(2)
      await bench.control.set('Drand.Pulses', [`${round + 1000}`], { round: `${round + 1000}`, randomness: `0x${'00'.repeat(32)}`, signature })
      await bench.control.newBlocks()
      expect(await read(bench, 'weights', NETUID, 1)).toHaveLength(2)
      expect(await read(bench, 'timelockedWeightCommits', NETUID, 0)).toHaveLength(1)
      await toEpoch(bench)
      expect(await read(bench, 'timelockedWeightCommits', NETUID, 0)).toEqual([])
    }))

  test('find the rounds that came out since the last block, after a silence too, fifty at once', () => {
    let nowMs = 1_800_000_000_000
    return withChain({ blockMs: 'manual', nowMs: () => nowMs }, async (bench) => {
      await bench.control.newBlocks()
      const first = await stored(bench)
      expect(first).toBe((1_800_000_000 - 1_692_803_367) / 3 + 1)
      nowMs += 12_000
      await bench.control.call('beaconSilent', { on: true })
      await bench.control.newBlocks()
      expect(await stored(bench)).toBe(first)
      await bench.control.call('beaconSilent', { on: false })
      await bench.control.newBlocks()
      expect(await stored(bench)).toBe(first + 4)
      expect((await query(bench.api, 'drand.pulses')(first + 4)).toJSON()).toMatchObject({ round: first + 4 })
      nowMs += 156_000
      await bench.control.newBlocks()
      expect(await stored(bench)).toBe(first + 54)
      await bench.control.newBlocks()
      expect(await stored(bench)).toBe(first + 56)
    })
  })
})
