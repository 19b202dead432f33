import { expect } from 'vitest'
import type { AllocationView, EventView } from '../../schema/index.ts'
import { eventually } from '../support/eventually.ts'
import { keyPair, login, type Said } from '../support/ssh.ts'
import type { Market } from './market.ts'

const SETTLED_MS = 60_000

/** Somebody who rents in a market, and looks at what he has. */
export class Tenant {
  readonly #market: () => Market
  readonly #pair = keyPair()
  /** Where his rentals were when he last asked: the edge is not needed for a login. */
  readonly #known = new Map<string, AllocationView['endpoint']>()

  constructor(market: () => Market) {
    this.#market = market
  }

  /** A rental that runs. */
  async rent(body: object = {}): Promise<AllocationView> {
    const answer = await this.#market().call('POST', '/v1/allocations', { ssh_keys: [this.#pair.public], ...body }, { prefer: 'wait=60' })
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 201, body: { state: 'running' } })
    this.#known.set(answer.body.id, answer.body.endpoint)
    return answer.body
  }

  /** Logs in where the rental is, as far as he can know, and runs a command. */
  async run(id: string, command: string): Promise<Said> {
    const endpoint = await this.#market()
      .see(id)
      .then((view) => view.endpoint)
      .catch(() => this.#known.get(id))
    this.#known.set(id, endpoint ?? null)
    if (!endpoint) throw new Error('it has no endpoint')
    return login({ port: endpoint.port, hostKey: endpoint.host_key, privateKey: this.#pair.private }, command)
  }

  async reads(id: string, command: string): Promise<string> {
    return (await this.run(id, command)).out.trim()
  }

  /** One act, not waited for. */
  act(id: string, verb: string, body: object = {}) {
    return this.#market().call('POST', `/v1/allocations/${id}/${verb}`, body, { prefer: 'wait=0' })
  }

  async release(id: string): Promise<void> {
    await this.#market().call('DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
  }

  /** Waits until it is so and nothing is wrong with it. */
  settled(id: string, state: AllocationView['state']): Promise<void> {
    return eventually(async () => {
      const view = await this.#market().see(id)
      expect(view).toMatchObject({ state, error: null, observed_generation: view.generation, observed_restart_n: view.restart_n })
    }, SETTLED_MS)
  }

  async events(id: string): Promise<EventView['kind'][]> {
    return (await this.#market().call<{ items: EventView[] }>('GET', `/v1/allocations/${id}/events`)).body.items.map((e) => e.kind)
  }

  /** Gives everything back and waits until it is gone. */
  async leave(): Promise<void> {
    const { items } = (await this.#market().call<{ items: AllocationView[] }>('GET', '/v1/allocations?limit=200')).body
    const held = items.filter((a) => a.ended_at === null)
    await Promise.all(held.map((a) => this.#market().call('DELETE', `/v1/allocations/${a.id}`, undefined, { prefer: 'wait=60' })))
  }
}
