import type { Context, Pallet, Part, Value } from '../types.ts'
import { Beacon } from './beacon.ts'

/** How many rounds one block takes in at most, as the live chain's workers do. Source: spec 425, MAX_PULSES_TO_FETCH. */
const MOST_AT_ONCE = 50n
/** Source: spec 425, MAX_KEPT_PULSES. */
const KEPT = 216_000n

const STORAGE = `
  Pulses: B u64 => Pulse?
  LastStoredRound: => u64
  OldestStoredRound: => u64
  NextUnsignedAt: => u32`
const EVENTS = 'BeaconConfigChanged 0; NewPulse 1: rounds Vec<u64>; SetOldestStoredRound 2: u64'
const ERRORS = 'NoneValue 0; StorageOverflow 1; DrandConnectionFailure 2; UnverifiedPulse 3; InvalidRoundNumber 4; PulseVerificationError 5'
const TYPES = 'Pulse = pallet_drand::types::Pulse {round u64, randomness/signature BoundedVec<u8>}'

export type DrandOptions = {
  /** Default: those of drand's quicknet, 3 s. */
  genesisS: number
  periodS: number
}

/**
 * The pallet that holds drand's pulses, with a beacon of its own behind it. Pulses come at the beginning of a block instead of by
 * transactions in it; SubtensorModule begins before, so it sees them one block later, as on the live chain.
 */
export function drand(options: Partial<DrandOptions> = {}): Part {
  const beacon = new Beacon(options)
  let silent = false
  const pallet: Pallet = { name: 'Drand', calls: {}, onInitialize: (ctx) => (silent ? undefined : takeIn(ctx, beacon)) }
  return {
    types: TYPES,
    pallets: { Drand: { index: 26, path: 'pallet_drand', storage: STORAGE, events: EVENTS, errors: ERRORS } },
    apis: {},
    code: [pallet],
    genesis: () => {},
    dev: {
      /** What clients need to seal weights: { publicKey, genesisS, periodS }. */
      beacon: () => ({ ...beacon.info }),
      /** One round's pulse, before its time if need be. */
      pulse: (_ctx, { round }) => ({ ...beacon.pulse(BigInt(String(round))) }),
      /** No pulse reaches the chain until it is switched off again; then it takes in what it missed. */
      beaconSilent: (_ctx, { on }) => {
        silent = on === true
        return null
      },
    },
  }
}

/** Rounds that came out since the last block. The first block begins with the latest: what came before the chain nobody waits for. */
function takeIn({ storage, nowMs, emit, block }: Context, beacon: Beacon): void {
  const latest = beacon.roundAt(nowMs)
  const stored = storage.get<bigint>('Drand.LastStoredRound')
  const first = stored === 0n ? latest : stored + 1n
  const last = latest < first + MOST_AT_ONCE ? latest : first + MOST_AT_ONCE - 1n
  if (latest === 0n || last < first) return
  const rounds: Value[] = []
  for (let round = first; round <= last; round++) {
    storage.put('Drand.Pulses', [round], beacon.pulse(round))
    rounds.push(round)
  }
  storage.put('Drand.LastStoredRound', [], last)
  storage.put('Drand.NextUnsignedAt', [], block)
  prune(storage, last)
  emit('Drand.NewPulse', rounds)
}

function prune(storage: Context['storage'], last: bigint): void {
  const oldest = storage.get<bigint>('Drand.OldestStoredRound')
  const keep = last >= KEPT ? last - KEPT + 1n : 0n
  if (oldest === 0n) return storage.put('Drand.OldestStoredRound', [], last)
  for (let round = oldest; round < keep; round++) storage.remove('Drand.Pulses', [round])
  if (keep > oldest) storage.put('Drand.OldestStoredRound', [], keep)
}
