import type { AllocationView } from '../../schema/index.ts'
import { answer, type Api, connect, newIdempotencyKey } from '../../node-agents/cli/client.ts'
import { door } from '../../node-agents/cli/endpoint.ts'
import { reason } from '../../node-agents/core/mistake.ts'
import { generateSshKey } from '../../node-agents/core/ssh-key.ts'
import type { Choice } from './engine.ts'
import { runCommand } from './login.ts'
import { kindOf, type ProofKind, type Shown as Proof } from './proofs.ts'
import { NETUID, type Stack } from './stack.ts'
import type { Steps } from './steps.ts'
import type { Roster } from './subnet.ts'
import type { Shown } from './weights.ts'

const HEADER = { prefer: 'wait=50' }
const HOURS = 48
const WORD = 'it works'
const KEPT = '~/kept'

const HOUR_MS = 3600_000
const text = (a: AllocationView) => `${a.id} is ${a.state}`

/** One rental in the hands of its tenant. Each act resolves when its fact is there, else rejects. */
class Rental {
  readonly #api: Api
  view: AllocationView
  key: string

  private constructor(api: Api, view: AllocationView, key: string) {
    this.#api = api
    this.view = view
    this.key = key
  }

  static async of(api: Api): Promise<Rental> {
    const pair = generateSshKey('demo')
    const header = { ...HEADER, 'idempotency-key': newIdempotencyKey() }
    const { body } = await answer(api.v1.allocations.$post({ json: { ssh_keys: [pair.publicKey], name: 'demo' }, header }))
    const rental = new Rental(api, body, pair.privateKey)
    rental.#expect('running')
    return rental
  }

  get #acts() {
    return this.#api.v1.allocations[':id']
  }

  get #param() {
    return { param: { id: this.view.id }, header: HEADER }
  }

  async pause(): Promise<AllocationView> {
    return this.#took(await answer(this.#acts.pause.$post(this.#param)), 'paused')
  }

  async resume(): Promise<AllocationView> {
    return this.#took(await answer(this.#acts.resume.$post(this.#param)), 'running')
  }

  async restart(): Promise<AllocationView> {
    const json = { restart_n: this.view.restart_n + 1 }
    return this.#took(await answer(this.#acts.restart.$post({ ...this.#param, json })), 'running')
  }

  async extend(): Promise<AllocationView> {
    const { expires_at } = this.#took(await answer(this.#acts.extend.$post({ ...this.#param, json: { lease_hours: HOURS } })), 'running')
    if (Date.parse(expires_at) < Date.now() + (HOURS - 1) * HOUR_MS) throw new Error(`it still ends at ${expires_at}`)
    return this.view
  }

  /** Only the new key opens it from now on, and that is tried. */
  async rekey(): Promise<AllocationView> {
    const old = this.key
    const pair = generateSshKey('demo')
    this.#took(await answer(this.#acts.rekey.$post({ ...this.#param, json: { ssh_keys: [pair.publicKey] } })), 'running')
    this.key = pair.privateKey
    await this.run('true')
    const refused = await runCommand(door(this.view), old, 'true').then(
      () => null,
      (error: unknown) => reason(error),
    )
    if (!refused || !/authentication methods failed/.test(refused)) throw new Error(`the old key was not refused: ${refused ?? 'it logged in'}`)
    return this.view
  }

  async release(): Promise<AllocationView> {
    return this.#took(await answer(this.#acts.$delete(this.#param)), 'ended')
  }

  run(command: string): Promise<string> {
    return runCommand(door(this.view), this.key, command)
  }

  /** Its data of before is there, whatever happened meanwhile. */
  async holds(): Promise<string> {
    const said = await this.run(`cat ${KEPT}`)
    if (said !== WORD) throw new Error(`${KEPT} says ${JSON.stringify(said)}`)
    return said
  }

  #took({ body }: { body: AllocationView }, wanted: AllocationView['state']): AllocationView {
    this.view = body
    this.#expect(wanted)
    return body
  }

  #expect(wanted: AllocationView['state']): void {
    const { id, state, error } = this.view
    if (state !== wanted) throw new Error(`${id} is ${state}, not ${wanted}${error ? `: ${error.code}, ${error.message}` : ''}`)
  }
}

/** What a story leaves to tell: who is on the subnet, how its cards were proved, and the weights that the chain shows. */
export type Told = { roster: Roster; proof: ProofKind; weights: Shown }

/** The market, once through: miners that are proved and scored, weights that are there, everything a tenant can do, and an agent that dies under it. */
export async function story(stack: Stack, choice: Choice, steps: Steps): Promise<Told> {
  const roster = await opening(stack, choice, steps)
  const proof = await proving(stack, steps)
  const weights = await valuing(stack, steps)
  await renting(stack, steps)
  return { roster, proof, weights }
}

async function opening(stack: Stack, choice: Choice, steps: Steps): Promise<Roster> {
  await steps.run(
    'start',
    () => stack.startServers(),
    () => `chain ${stack.chainUrl}, database ${stack.databaseUrl}, edge ${stack.url}`,
  )
  const roster = await steps.run(
    'chain',
    () => stack.startChain(),
    (r) => `subnet ${NETUID}: validator and ${stack.miners.length} miner(s) are uids ${[...r.uids.values()].join(', ')}; roles follow block ${r.block}`,
  )
  await steps.run(
    'register',
    () => stack.startMiners(),
    () => `${stack.miners.length} miner(s), driver ${choice.driver}`,
  )
  return roster
}

async function proving(stack: Stack, steps: Steps): Promise<ProofKind> {
  const text = ({ uid, cards, ms }: Proof) => `uid ${uid} ${cards} cards${stack.recorded ? '' : ` in ${seconds(ms)} s`}`
  const proofs = await steps.run(
    'proof',
    () => stack.proofs(),
    (all) => `${kindOf(all, stack.recorded)}: ${all.map(text).join(', ')}`,
  )
  return kindOf(proofs, stack.recorded)
}

const seconds = (ms: number) => (ms / 1000).toFixed(1)

async function valuing(stack: Stack, steps: Steps): Promise<Shown> {
  await steps.run(
    'scores',
    () => stack.scores(),
    (miners) => miners.map(({ uid, score, gpus }) => `uid ${uid} ${round(score)}${gpus ? ` (${gpus.count} x ${gpus.model})` : ''}`).join(', '),
  )
  return steps.run(
    'weights',
    () => stack.weights(),
    ({ uids, block }) => `${uids.length} uids (${uids.join(', ')}), committed, revealed and read back at block ${block}`,
  )
}

const round = (score: number | null) => (score === null ? 'not scored' : `scores ${Number(score.toFixed(2))}`)

async function renting(stack: Stack, steps: Steps): Promise<void> {
  const api = connect({ url: stack.url, key: stack.clientKey })
  const rental = await steps.run(
    'allocate',
    () => Rental.of(api),
    ({ view: a }) => `${a.id}: ${a.gpus.length} x ${a.gpus[0]?.model}${a.simulated ? ' (simulated)' : ''} of ${a.hotkey}`,
  )
  await steps.run(
    'ssh',
    () => rental.run(`echo ${WORD} > ${KEPT} && cat ${KEPT}`),
    (said) => `${rental.view.endpoint?.ssh_command}, host key pinned: ${said}`,
  )
  await steps.run('pause', () => rental.pause(), text)
  await steps.run('resume', () => rental.resume(), text)
  await steps.run(
    'rekey',
    () => rental.rekey(),
    () => 'the new key logs in, the old one is refused',
  )
  await steps.run(
    'extend',
    () => rental.extend(),
    (a) => `until ${a.expires_at}`,
  )
  await steps.run(
    'restart',
    () => rental.restart(),
    (a) => `${a.observed_restart_n} restart, same address and host key`,
  )
  await steps.run(
    'kill -9',
    () => stack.crashAgent(rental.view.hotkey ?? '', () => rental.holds()),
    (said) => `the agent was dead, the rental was not: ${said}`,
  )
  await steps.run(
    'recover',
    () => rental.restart().then(() => rental.holds()),
    (said) => `the agent is back and restarts it: ${said}`,
  )
  await steps.run('release', () => rental.release(), text)
}
