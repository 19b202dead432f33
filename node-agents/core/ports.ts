import type {
  FailureCode,
  HostFacts,
  Limits,
  MarkProof,
  OpenProof,
  Penalties,
  ProofEvidence,
  ProofState,
  Published,
  registered,
  Registration,
  Report,
  Scores,
  Snapshot,
  SnapshotTaken,
  StateMiner,
  ValidatorState,
} from '../../schema/index.ts'
import type * as z from 'zod'
import type { Axon, Block, ChainStatus, EpochState, Hyperparameters, Metagraph, Pulse, Receipt, Served, WeightRow, WeightsCall } from './chain/types.ts'
import type { Hotkey } from './hotkey.ts'
import type { Seat } from './proof/seat.ts'

/**
 * Every outside thing an agent touches, on one page. Each has one real implementation; the SDK behind it
 * appears in that file alone.
 */

/** Time. Monotonic for deadlines, wall only to talk to others. */
export interface Clock {
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Milliseconds of a clock that never jumps. */
  monotonicMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Whose containers these are. An agent touches only exact matches of all three. */
export type Owner = { edge: string; hotkey: string; install: string }

/** Facts that never change while a container lives; a driver keeps them with the container (labels). */
export type ContainerIdentity = {
  allocation: string
  incarnation: number
  gpus: string[]
  port: number
  /** "type base64" of the host key generated for this container. */
  hostKey: string
  trace: string
}

export type ContainerState = 'created' | 'running' | 'paused' | 'exited'

export type Container = ContainerIdentity & {
  state: ContainerState
  exitCode: number | null
  /** Has it ever been started? */ started: boolean
  /** It was killed, and memory had run out in it; absent: not known. */ oomKilled?: boolean
}

/** What one look at the engine shows: ours, how many labelled containers belong to somebody else, and which GPUs those hold. */
export type Inventory = { containers: Container[]; foreign: number; foreignGpus: string[] }

export type ContainerSpec = Omit<ContainerIdentity, 'port'> & {
  /** Ports to try, in order; the driver takes the first free one. */
  ports: number[]
  image: string
  limits: Limits
  env: Record<string, string>
  /** "type base64" lines. */
  authorizedKeys: string[]
  /** OpenSSH private key, PEM. Never logged, never a label. */
  hostPrivateKey: string
  /** Simulated GPUs are not passed to the engine. */
  simulated: boolean
}

/** `id` tells this engine from every other one: containers made on another are not here. */
export type EngineInfo = Pick<HostFacts, 'driver' | 'isolation' | 'engine' | 'disk' | 'network'> & { id: string }

export type PullProgress = { current: number; total: number | null }

/** Room on a disk: megabytes, and the part (0 to 1) of its inodes that is free. */
export type Space = { freeMb: number; totalMb: number; freeInodes: number }

/** Megabytes; null: could not be measured in time. `boundMb`: the part that is on a disk of its own, which has a fixed size. */
export type Written = { mb: number | null; boundMb?: number }

/** A container engine. Every method rejects with a `DriverError`; none leaves anything half made behind. */
export interface Driver {
  readonly name: HostFacts['driver']
  info(signal?: AbortSignal): Promise<EngineInfo>
  list(owner: Owner, signal?: AbortSignal): Promise<Inventory>
  /** Installs of this hotkey at this edge that have containers here, each once. */
  installs(who: Pick<Owner, 'edge' | 'hotkey'>, signal?: AbortSignal): Promise<string[]>
  hasImage(reference: string, signal?: AbortSignal): Promise<boolean>
  /** Resolves when the image is on disk; reports bytes as they come; rejects `pull_failed`. */
  pull(reference: string, onProgress: (p: PullProgress) => void, signal: AbortSignal): Promise<void>
  /**
   * Creates and starts; resolves with the port its SSH server was given, before it answers.
   * @param onCreated called before each try to start
   */
  run(owner: Owner, spec: ContainerSpec, signal?: AbortSignal, onCreated?: () => void): Promise<{ port: number }>
  /** Starts an exited container again, as it was. */
  start(owner: Owner, c: ContainerIdentity): Promise<void>
  /** Stops without removing: it can be started again. */
  stop(owner: Owner, c: ContainerIdentity): Promise<void>
  /** Freezes what runs inside; memory and GPUs stay taken. Already paused is done. */
  pause(owner: Owner, c: ContainerIdentity): Promise<void>
  /** Already running is done. */
  unpause(owner: Owner, c: ContainerIdentity): Promise<void>
  /**
   * Replaces the keys that may log in; works while running or paused. With `endSessions` every SSH session that is open ends,
   * which needs it running. The SSH server stays.
   */
  rekey(owner: Owner, c: ContainerIdentity, authorizedKeys: string[], endSessions: boolean): Promise<void>
  /** Room on the disk that containers write to. */
  space(signal?: AbortSignal): Promise<Space>
  /** What each of ours has written to that disk. One that takes long keeps none of the others waiting for long. */
  written(owner: Owner, signal?: AbortSignal): Promise<(Pick<ContainerIdentity, 'allocation' | 'incarnation'> & Written)[]>
  /** Runs argv inside, no shell; resolves with the exit code and the last 2 KB of output. */
  exec(owner: Owner, c: ContainerIdentity, argv: string[], env: Record<string, string>, timeoutMs: number): Promise<{ exitCode: number; output: string }>
  /** Stops and removes with everything that belongs to it. Already gone is done. */
  remove(owner: Owner, c: Pick<ContainerIdentity, 'allocation' | 'incarnation'>): Promise<void>
  /** Gives back what it kept ready, and ends what it still does behind its callers' backs. Containers run on. */
  close?(): Promise<void>
  /** Calls back when something may have changed; only makes `list` sooner. Returns when aborted. */
  watch(owner: Owner, onChange: () => void, signal: AbortSignal): Promise<void>
}

/** A failure of the engine or of one container, in words a client may read. `away`: the engine does not answer at all. */
export class DriverError extends Error {
  readonly code: FailureCode | 'away'
  constructor(code: FailureCode | 'away', message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'DriverError'
    this.code = code
  }
}

/** The edge as an agent sees it. Every method rejects with a `ControlError` (or an AbortError when told to stop). */
export interface Control {
  /** The edge's self-description, a compact JWS. Unsigned request: it is how trust begins. */
  identity(signal: AbortSignal): Promise<string>
  register(body: Registration, signal: AbortSignal): Promise<z.infer<typeof registered>>
  /** Carries the report up; resolves with the wish, a compact JWS. */
  sync(body: Report, signal: AbortSignal): Promise<string>
  /** What the chain says of the subnet, from a validator that the edge trusts. */
  snapshot(body: Snapshot, signal: AbortSignal): Promise<SnapshotTaken>
  /** The market as it is, and what other validators published. For validators. */
  state(signal: AbortSignal): Promise<ValidatorState>
  publishScores(body: Scores, signal: AbortSignal): Promise<Published>
  publishPenalties(body: Penalties, signal: AbortSignal): Promise<Published>
  /** Takes all free cards of a miner for a proof. Rejects `proof_refused` with `retryAfterS` when it is not the time for one. */
  openProof(body: OpenProof, signal: AbortSignal): Promise<ProofState>
  /** How it stands; waits up to `waitS` for a change of a proof that is `starting`. */
  proof(id: string, waitS: number, signal: AbortSignal): Promise<ProofState>
  /** Says how far it is. The same mark again changes nothing. */
  markProof(id: string, body: MarkProof, signal: AbortSignal): Promise<ProofState>
}

/** Where somebody may log in, and the one host key that is believed there: "type base64". */
export type SshDoor = { host: string; port: number; user: string; hostKey: string }

/** A command that runs on the other side. */
export interface SshRun {
  /** Resolves once it is sent or buffered; rejects `broken`. */
  write(text: string): Promise<void>
  /** Its standard output, as it comes, until it ends; to be read by one reader. What nobody reads holds it up and is not kept here. Rejects `broken`. */
  readonly output: AsyncIterable<Uint8Array>
  /** The last 2 KB of its standard error. */
  errors(): string
  /** Exit code once it ended; null: it was killed, or the connection is gone. Never rejects. */
  readonly ended: Promise<number | null>
  /** Ends it, without waiting. */
  close(): void
}

/** A login. */
export interface SshLogin {
  /** Writes a file there over SFTP, with mode 0600, its folder made first. Rejects with a `ShellError`. */
  upload(path: string, content: Uint8Array, signal: AbortSignal): Promise<void>
  /** Starts a command; the other side's shell reads it, so it is constant text or quoted. */
  run(command: string, signal: AbortSignal): Promise<SshRun>
  /** Ends the connection with all it carries. Never rejects. */
  close(): Promise<void>
}

/**
 * SSH to hosts that nobody trusts: whoever answers must hold the pinned host key, before anything else is said. Rejects with a
 * `ShellError`; told to stop, with the signal's reason, of which a TimeoutError is a `timeout`.
 */
export interface Shell {
  /** The key exchange alone: its signature over a fresh hash shows that the host key is there, now. @returns milliseconds from dial to proof */
  greet(door: SshDoor, timeoutMs: number, signal: AbortSignal): Promise<number>
  login(door: SshDoor, privateKey: string, timeoutMs: number, signal: AbortSignal): Promise<SshLogin>
}

export type ShellCode = 'unreachable' | 'timeout' | 'wrong_host_key' | 'refused' | 'broken' | 'no_sftp' | 'failed'

export class ShellError extends Error {
  readonly code: ShellCode
  constructor(code: ShellCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ShellError'
    this.code = code
  }
}

/** Whom to prove: who it is on chain, and what it told the edge; null: the edge does not know it. */
export type ProofTarget = { uid: number; hotkey: string; miner: StateMiner | null }

/** `rentedMs`: milliseconds it was ever rented when it was proved; left out: what the edge said of its miner last. */
export type ProvedGpu = { uuid: string; model: string; rentedMs?: number }

/** What came of a proof. `failed`: nothing could be proved, and nothing was proved wrong. */
export type Proved = (
  { result: 'valid'; gpus: ProvedGpu[]; /** Cards that are only said to be there. */ simulated: boolean } | { result: 'invalid' | 'failed'; reason: string }
) & { /** Left out: there is none. */ evidence?: ProofEvidence }

/** A miner that cannot be proved now, which is nobody's fault: a client took its cards, or it is not the time yet. */
export class NotNow extends Error {
  /** When it may work, in seconds; null: not known. */
  readonly retryAfterS: number | null
  constructor(message: string, retryAfterS: number | null, cause?: unknown) {
    super(message, { cause })
    this.name = 'NotNow'
    this.retryAfterS = retryAfterS
  }
}

/**
 * Proves which GPUs a miner has. Takes as long as it takes, until the signal fires; rejects with `NotNow`, and else only for what is this
 * machine's own fault. @param seat left out: it is proved alone
 */
export interface Prover {
  prove(target: ProofTarget, signal: AbortSignal, seat?: Seat): Promise<Proved>
}

/** As much of it as a miner calls. */
export type MinerControl = Pick<Control, 'identity' | 'register' | 'sync'>

/** Which block a reading is of: its hash. Left out: the best block now. */
type At = string | undefined

/**
 * The chain, over one of several endpoints. Every method rejects with a `ChainError` (`core/chain/errors.ts`), which says what to
 * do, or with an AbortError. Reads never guess: what the runtime does not have is read from its storage, or refused.
 */
export interface Chain {
  /** Connects and stays connected, from endpoint to endpoint, until the signal fires. Only then the other methods work. */
  run(signal: AbortSignal): Promise<void>
  status(): ChainStatus
  /** Resolves when connected. */
  ready(signal: AbortSignal): Promise<void>
  /** Every new best block, and every newly finalized one; after a reconnection the numbers may leap. @returns how to stop listening */
  onHead(heard: (block: Block) => void): () => void
  onFinalized(heard: (block: Block) => void): () => void

  /** The hash of a block of the best chain; null: not there yet. */
  hashAt(number: number): Promise<string | null>
  /** Time of a block, ms since 1970. */
  timestampMs(at?: At): Promise<number>
  /** Null: there is no such subnet. */
  metagraph(netuid: number, at?: At): Promise<Metagraph | null>
  hyperparameters(netuid: number, at?: At): Promise<Hyperparameters>
  epoch(netuid: number, at?: At): Promise<EpochState>
  /** Null: not registered there. */
  uidOf(netuid: number, hotkey: string, at?: At): Promise<number | null>
  axon(netuid: number, hotkey: string, at?: At): Promise<Axon | null>
  prometheus(netuid: number, hotkey: string, at?: At): Promise<Served | null>
  weights(netuid: number, mechanism: number, uid: number, at?: At): Promise<WeightRow>
  /** Rows of all that set weights. */
  weightMatrix(netuid: number, mechanism: number, at?: At): Promise<Map<number, WeightRow>>
  /** Block of the last weights set or committed under this mechanism. */
  lastUpdate(netuid: number, mechanism: number, uid: number, at?: At): Promise<number>
  /** Whether weights that this hotkey had committed were revealed in the block of this hash. */
  revealed(netuid: number, mechanism: number, hotkey: string, at: string): Promise<boolean>
  /** The newest drand pulse that the chain holds; null: it holds none. */
  pulse(at?: At): Promise<Pulse | null>
  /** Free balance in rao. */
  balance(address: string, at?: At): Promise<bigint>

  serveAxon(by: Hotkey, call: { netuid: number } & Pick<Axon, 'ip' | 'port' | 'version'>): Promise<Receipt>
  servePrometheus(by: Hotkey, call: { netuid: number } & Pick<Served, 'ip' | 'port' | 'version'>): Promise<Receipt>
  /** In the open. Refused `CommitRevealEnabled` where the subnet wants commitments. */
  setWeights(by: Hotkey, call: WeightsCall): Promise<Receipt>
  /** Hash commitment; keep `salt` and reveal it in the epoch after `revealPeriodEpochs`. */
  commitWeights(by: Hotkey, call: WeightsCall, salt: number[]): Promise<Receipt>
  revealWeights(by: Hotkey, call: WeightsCall, salt: number[]): Promise<Receipt>
  /** Encrypted to a drand round; the chain itself reveals it. `revealBlock`: expected; read the weights back after it. */
  commitTimelocked(by: Hotkey, call: WeightsCall): Promise<Receipt & { round: number; revealBlock: number }>
  /** By a coldkey, which pays. Only tools and tests hold one; no agent does. */
  register(by: Hotkey, call: { netuid: number; hotkey: string }): Promise<Receipt>
}
