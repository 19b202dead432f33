import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { AllocationView } from '../../schema/index.ts'
import { eventually } from '../support/eventually.ts'
import { keyPair, login } from '../support/ssh.ts'
import { until } from '../support/until.ts'
import { type Act, acts, type Rental } from './acts.ts'
import { GPUS, type Market } from './market.ts'
import type { Step } from './steps.ts'

/** Longer than the back-off of an agent that met a dead edge a few times, on a slow machine. */
const AGREE_MS = 40_000
const HELD = 2

/** Walks one tenant through his acts, with something dying at each. */
export class Walk {
  readonly #market: Market
  readonly #past = new Set<string>()
  #rental: Rental | null = null

  constructor(market: Market) {
    this.#market = market
  }

  /** Kills the victim at this step of the act, starts it again, and holds everything to what must be true then. */
  async through(act: Act, step: Step): Promise<void> {
    const market = this.#market
    if (step.victim === 'edge') await market.calm()
    const { rental, before } = await this.#stand(act)
    const starts = await market.starts(rental.id)
    const request = act.request(market, rental, before)
    const { at, side, is, victim } = step
    const tap = market.taps[at]
    if (!tap) throw new Error(`nothing is tapped at ${at}`)
    const struck = tap.trap(
      side,
      (e) => is(e, { act, before, past: this.#past }),
      () => market.kill(victim),
    )
    const asked = untilAnswered(request)
    await within(struck, `${act.name}, ${step.when}: this moment never came`).finally(() => tap.clear())
    await market.revive(victim)
    const { body } = await asked
    rental.id = body.id
    if (act.name === 'allocate' && victim === 'engine' && (await this.#gaveUp(rental))) return
    await this.#agreed(act, rental, before)
    // An agent counts before it acts: one that dies in between never does it twice, and may not do it at all.
    const least = victim === 'agent' && step.at === 'engine' ? 0 : 1
    const restarts = (await market.starts(rental.id)) - starts
    if (act.name === 'restart') expect([least, 1], 'restarted once').toContain(restarts)
    if (act.name === 'allocate') await this.#move(rental)
    if (act.to === 'running') await this.#lives(rental)
    if (act.to === 'ended') this.#rental = null
  }

  /** Puts the tenant where the act begins, with nothing in the way. */
  async #stand(act: Act): Promise<{ rental: Rental; before: AllocationView | null }> {
    if (act.from === null) return { rental: await this.#clear(), before: null }
    const state = this.#rental?.id ? (await this.#market.see(this.#rental.id)).state : 'ended'
    if (state !== 'running' && state !== 'paused') await this.#anew()
    if (state === 'paused' && act.from === 'running') await this.#plainly(acts.resume)
    if (state === 'running' && act.from === 'paused') await this.#plainly(acts.pause)
    const rental = this.#here()
    return { rental, before: await this.#market.see(rental.id) }
  }

  async #anew(): Promise<void> {
    const rental = await this.#clear()
    await this.#plainly(acts.allocate)
    await this.#move(rental)
  }

  /** Nothing is rented; also nothing that a row before this one left when it failed. */
  async #clear(): Promise<Rental> {
    const { items } = (await this.#market.call<{ items: AllocationView[] }>('GET', '/v1/allocations?limit=200')).body
    for (const { id, ended_at } of items) {
      this.#past.add(id)
      if (ended_at === null) await this.#market.call('DELETE', `/v1/allocations/${id}`)
    }
    this.#rental = { id: '', pair: keyPair(), old: [], text: crypto.randomUUID() }
    return this.#rental
  }

  /** One act with nothing dying. */
  async #plainly(act: Act): Promise<void> {
    const rental = this.#here()
    const before = rental.id ? await this.#market.see(rental.id) : null
    rental.id = (await untilAnswered(act.request(this.#market, rental, before))).body.id
    await this.#agreed(act, rental, before)
  }

  #here(): Rental {
    if (!this.#rental) throw new Error('the tenant holds nothing')
    return this.#rental
  }

  /** Wish and fact agree: at the edge, on the host, and in what is left to rent. */
  async #agreed(act: Act, rental: Rental, before: AllocationView | null): Promise<void> {
    const market = this.#market
    await eventually(async () => {
      const view = await market.see(rental.id)
      expect(view).toMatchObject({ state: act.to, observed_generation: view.generation, error: null, tried: [] })
      expect({ restarts: view.observed_restart_n, keys: view.observed_keys_n }).toEqual({ restarts: view.restart_n, keys: view.keys_n })
      expect(view.restart_n - (before?.restart_n ?? 0), 'asked for once').toBe(act.name === 'restart' ? 1 : 0)
    }, AGREE_MS)
    const found = (await market.containers()).map(({ allocation, state }) => ({ allocation, state }))
    expect(found).toEqual(act.container === null ? [] : [{ allocation: rental.id, state: act.container }])
    expect(await market.strays(act.container === null ? 0 : 1), 'nothing else is left on the host').toEqual([])
    expect(await market.free()).toBe(GPUS - (act.container === null ? 0 : HELD))
  }

  /** A host whose engine dies under a start may say that it failed: then it goes to another miner, of which there is none here. */
  async #gaveUp(rental: Rental): Promise<boolean> {
    const settled = async () => {
      const { state } = await this.#market.see(rental.id)
      return state === 'failed' || state === 'running' ? state : null
    }
    if ((await until('it runs or is given up', settled, AGREE_MS)) === 'running') return false
    await eventually(async () => {
      expect(await this.#market.containers()).toEqual([])
      expect(await this.#market.strays(0)).toEqual([])
      expect(await this.#market.free()).toBe(GPUS)
    }, AGREE_MS)
    this.#rental = null
    return true
  }

  /** The tenant leaves something in there. */
  async #move(rental: Rental): Promise<void> {
    const { code } = await login(await this.#target(rental), `echo ${rental.text} > kept`)
    expect(code).toBe(0)
  }

  /** He can log in, what he left is there, and who was shut out stays out. */
  async #lives(rental: Rental): Promise<void> {
    const target = await this.#target(rental)
    expect((await eventually(() => login(target, 'cat kept'))).out.trim(), 'nothing is lost').toBe(rental.text)
    for (const { private: privateKey } of rental.old.slice(-1)) await expect(login({ ...target, privateKey }, 'true')).rejects.toThrow(/authentication/i)
  }

  async #target(rental: Rental) {
    const { endpoint } = await this.#market.see(rental.id)
    if (!endpoint) throw new Error(`${rental.id} cannot be reached`)
    return { port: endpoint.port, hostKey: endpoint.host_key, privateKey: rental.pair.private }
  }
}

/** Asks as a client does: the same again while the edge is away or says that it cannot now. */
async function untilAnswered(request: ReturnType<Act['request']>) {
  return eventually(async () => {
    const answer = await request()
    if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }, AGREE_MS)
}

async function within(moment: Promise<void>, what: string): Promise<void> {
  const late = new AbortController()
  const end = sleep(30_000, undefined, { signal: late.signal }).then(() => Promise.reject(new Error(what)))
  await Promise.race([moment, end]).finally(() => late.abort())
}
