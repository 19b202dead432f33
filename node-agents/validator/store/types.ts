import type { InferInsertModel, InferSelectModel } from 'drizzle-orm'
import type { Penalties, Scores, StateMiner } from '../../../schema/index.ts'
import type { challenges, neurons, penalties, progress, proofs, specs, stats, weightCycles } from '../../../schema/tables/validator/index.ts'

export type KnownNeuron = InferSelectModel<typeof neurons>
export type Spec = InferSelectModel<typeof specs>
export type Stat = InferSelectModel<typeof stats>
export type Penalty = InferSelectModel<typeof penalties>
export type Progress = InferSelectModel<typeof progress>
export type Proof = InferSelectModel<typeof proofs>
export type NewProof = Omit<InferInsertModel<typeof proofs>, 'id'>
export type NewChallenge = Omit<InferInsertModel<typeof challenges>, 'id'>
export type Cycle = InferSelectModel<typeof weightCycles>
export type NewCycle = Omit<InferInsertModel<typeof weightCycles>, 'id'>
export type Peer = { validator: string; scores: Scores | null; penalties: Penalties | null }
/** Of the newest sixty challenges of a hotkey. */
export type Liveness = { attempts: number; successes: number }

/**
 * What a validator keeps between two starts. One process, one connection. Writes are on disk when they resolve; a method that rejects wrote
 * nothing. Maps are by hotkey. What is kept of a hotkey that is not on the subnet, as last followed, or of a block before it was registered,
 * is dropped: it came late, and is nobody's. So `follow` comes first.
 */
export interface Store {
  /**
   * Takes over who is on the subnet now. Who left, or came back as somebody new (another block of registration), loses every row but one:
   * proofs, challenges, stats, specs, publications. A penalty stays with its hotkey until it expires or is pardoned, or registering again
   * would wash it off. A hotkey that only changed its uid keeps all, and its stat gets the new uid.
   * Rejects on an empty reading, and once on a reading without more than half of those known: the next one is believed, and takes all progress
   * with it, which was about others: weights of zeros would rest on rounds of proofs that are gone.
   * @returns hotkeys that were known and lost their rows
   */
  follow(now: Omit<KnownNeuron, 'seenAt'>[], nowMs: number): Promise<string[]>

  /** Replaces the rows of these miners; others stay, with the time they are of. */
  keepSpecs(miners: StateMiner[], nowMs: number): Promise<void>
  specs(): Promise<Map<string, Spec>>
  /** Replaces what is there by what is as new or newer; a null replaces nothing, and others stay. */
  keepPeers(peers: Peer[]): Promise<void>
  peers(): Promise<Peer[]>

  /**
   * Keeps the newest four of the hotkey, and older ones that still decide: the newest of each card, and a wrong one.
   * @param since block of the round it is of: it takes the place of those that failed in it. Left out or null: of none
   */
  keepProof(proof: NewProof, since?: number | null): Promise<void>
  /** Newest first. */
  proofs(): Promise<Map<string, Proof[]>>
  /** Keeps the newest sixty of the hotkey. */
  keepChallenge(challenge: NewChallenge): Promise<void>
  liveness(): Promise<Map<string, Liveness>>

  /** Replaces the rows of these hotkeys; others stay. */
  keepStats(rows: Stat[]): Promise<void>
  stats(): Promise<Map<string, Stat>>

  /** In place of one that is there. */
  penalize(penalty: Penalty): Promise<void>
  /** @returns whether there was one */
  pardon(hotkey: string): Promise<boolean>
  /** Those that hold at this time; what has expired is removed. */
  penalties(nowMs: number): Promise<Map<string, Penalty>>

  progress(): Promise<Map<string, Progress>>
  keepProgress(progress: Progress): Promise<void>

  /** @returns its id; keeps the newest fifty, and all that are not final */
  newCycle(cycle: NewCycle): Promise<number>
  /** Rejects when there is none of this id. */
  changeCycle(id: number, change: Partial<Omit<Cycle, 'id'>>): Promise<void>
  /** Newest first. */
  cycles(limit: number): Promise<Cycle[]>

  close(): Promise<void>
}
