import { utf8ToBytes } from '@noble/hashes/utils.js'
import { sign } from '@scure/sr25519'
import {
  type Penalties,
  penaltiesStatement,
  type PenaltyRow,
  type ProblemBody,
  type Published,
  type ScoreRow,
  type Scores,
  scoresStatement,
  type ValidatorState,
  VALIDATOR_STAKE_RAO,
} from '../../schema/index.ts'
import { onTestFinished } from 'vitest'
import { WireMiner } from './agent.ts'
import { databases } from './database.ts'
import type { TestEdge } from './edge.ts'
import { agree, NETUID, Subnet, trustingEdge } from './snapshot.ts'

/** A score as a validator proved it. */
export const row = (hotkey: string, score: number, o: Partial<ScoreRow> = {}): ScoreRow => ({
  hotkey,
  score,
  gpus: score === 0 ? null : { model: 'NVIDIA H200', count: 8 },
  own: true,
  ...o,
})
export const penalty = (hotkey: string, o: Partial<PenaltyRow> = {}): PenaltyRow => ({
  hotkey,
  reason: 'cheated',
  from_ms: Date.now() - 1000,
  until_ms: null,
  ...o,
})

export const signatureOf = (by: WireMiner, statement: string) => `0x${Buffer.from(sign(by.secret, utf8ToBytes(statement))).toString('hex')}`
const head = (by: WireMiner) => ({ netuid: NETUID, validator: by.hotkey, block: 1000, at_ms: Date.now() })

/** What this validator says, signed. */
export function scoresOf(by: WireMiner, scores: ScoreRow[], o: Partial<Scores> = {}): Scores {
  const content = { ...head(by), scores, ...o }
  return { ...content, signature: o.signature ?? signatureOf(by, scoresStatement(content)) }
}
export function penaltiesOf(by: WireMiner, penalties: PenaltyRow[], o: Partial<Penalties> = {}): Penalties {
  const content = { ...head(by), penalties, ...o }
  return { ...content, signature: o.signature ?? signatureOf(by, penaltiesStatement(content)) }
}

type Told = Published & ProblemBody & { http: number }
async function post(by: WireMiner, path: string, body: unknown): Promise<Told> {
  const response = await by.send('POST', path, body)
  return { http: response.status, ...((await response.json()) as Published & ProblemBody) }
}
export const publish = (by: WireMiner, scores: Scores) => post(by, '/validator/scores', scores)
export const penalize = (by: WireMiner, penalties: Penalties) => post(by, '/validator/penalties', penalties)
export const stateOf = async (by: WireMiner) => (await (await by.send('GET', '/validator/state')).json()) as ValidatorState & ProblemBody

/** An edge whose subnet has validators with so many times the least stake, and what it takes to change it. */
export type PublishingWorld = { url: string; edge: TestEdge; validators: WireMiner[]; subnet: Subnet; key: string; apply: () => Promise<void> }

export async function publishingWorld(stakes: number[], o: { vars?: Record<string, string> } = {}): Promise<PublishingWorld> {
  const database = await databases()[0].start()
  const { edge, keys } = await trustingEdge(database.url, 1, o.vars)
  onTestFinished(async () => {
    await edge.close()
    await database.close()
  })
  const validators = stakes.map(() => new WireMiner(edge))
  const subnet = new Subnet().join(...validators.map((v) => v.hotkey))
  validators.forEach((v, i) => subnet.validates(v.hotkey).stakes(v.hotkey, VALIDATOR_STAKE_RAO * BigInt(stakes[i] ?? 1)))
  const apply = async () => {
    const { outcome } = await agree(keys, subnet.next())
    if (outcome !== 'applied') throw new Error(`the snapshot is ${outcome}`)
  }
  await apply()
  return { url: database.url, edge, validators, subnet, key: await edge.key('alice'), apply }
}
