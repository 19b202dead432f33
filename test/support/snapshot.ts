import { randomBytes } from 'node:crypto'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import {
  encodeHotkey,
  type ProblemBody,
  type Snapshot,
  SNAPSHOT_EVERY,
  type SnapshotNeuron,
  type SnapshotTaken,
  VALIDATOR_STAKE_RAO,
} from '../../schema/index.ts'
import { WireMiner } from './agent.ts'
import { query } from './database.ts'
import { startTestEdge, type TestEdge } from './edge.ts'

export const NETUID = 27
const GENESIS = `0x${'2f'.repeat(32)}`
const hashOf = (block: number) => `0x${block.toString(16).padStart(64, '0')}`

export const someone = () => encodeHotkey(randomBytes(32))

/** A subnet of the chain as a test wants it: who is registered, at which block. */
export class Subnet {
  block = 1000
  neurons: Omit<SnapshotNeuron, 'uid'>[] = []
  readonly coldkey = someone()

  join(...hotkeys: string[]): this {
    for (const hotkey of hotkeys) this.neurons.push({ hotkey, coldkey: this.coldkey, validator_permit: false, total_stake: '0' })
    return this
  }

  leave(...hotkeys: string[]): this {
    this.neurons = this.neurons.filter((n) => !hotkeys.includes(n.hotkey))
    return this
  }

  /** Gives a permit and just enough stake, or takes them. */
  validates(hotkey: string, does = true): this {
    this.neurons = this.neurons.map((n) => (n.hotkey === hotkey ? { ...n, validator_permit: does, total_stake: does ? String(VALIDATOR_STAKE_RAO) : '0' } : n))
    return this
  }

  /** Gives so much stake (rao). */
  stakes(hotkey: string, rao: bigint): this {
    this.neurons = this.neurons.map((n) => (n.hotkey === hotkey ? { ...n, total_stake: String(rao) } : n))
    return this
  }

  /** What an honest validator says of the block it is at. */
  now(change: Partial<Snapshot> = {}): Snapshot {
    const { block } = this
    return {
      netuid: NETUID,
      genesis: GENESIS,
      block,
      block_hash: hashOf(block),
      timestamp_ms: Date.now() - 30_000,
      owner_hotkey: this.neurons[0]?.hotkey ?? null,
      neurons: this.neurons.map((n, uid) => ({ uid, ...n })),
      ...change,
    }
  }

  /** The next block that a snapshot may be of. */
  next(change: Partial<Snapshot> = {}): Snapshot {
    this.block += SNAPSHOT_EVERY
    return this.now(change)
  }
}

export type Taken = SnapshotTaken & ProblemBody & { http: number }

/** An edge that trusts so many validators, and their keys. */
export async function trustingEdge(databaseUrl: string, validators: number, vars: Record<string, string> = {}): Promise<{ edge: TestEdge; keys: WireMiner[] }> {
  const secrets = Array.from({ length: validators }, () => secretFromSeed(randomBytes(32)))
  const hotkeys = secrets.map((secret) => encodeHotkey(getPublicKey(secret)))
  const edge = await startTestEdge(databaseUrl, { vars: { TRUSTED_VALIDATORS: hotkeys.join(', '), ...vars } })
  return { edge, keys: secrets.map((secret) => Object.assign(new WireMiner(edge), { secret, hotkey: encodeHotkey(getPublicKey(secret)) })) }
}

/** One validator says so. */
export async function say(validator: WireMiner, snapshot: Snapshot): Promise<Taken> {
  const response = await validator.send('POST', '/validator/metagraph', snapshot)
  return { http: response.status, ...((await response.json()) as SnapshotTaken & ProblemBody) }
}

/** Each of these validators says so, one after the other: what the last one was told. */
export async function agree(validators: WireMiner[], snapshot: Snapshot): Promise<Taken> {
  let last: Taken | undefined
  for (const validator of validators) last = await say(validator, snapshot)
  if (!last) throw new Error('nobody said it')
  return last
}

type Health = { checks: { name: string; ok: boolean; detail: string }[] }

/** What health says of roles. */
export const rolesCheck = async (edge: TestEdge) => (await edge.call<Health>('', 'GET', '/health')).body.checks.find((c) => c.name === 'roles')

/** How many agents stand how. */
export async function standings(url: string): Promise<Record<string, number>> {
  const rows = await query(url, 'SELECT standing, count(*) AS n FROM agents GROUP BY 1')
  return Object.fromEntries(rows.map((r) => [String(r['standing']), Number(r['n'])]))
}
