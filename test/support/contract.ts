import { afterAll, afterEach, beforeAll } from 'vitest'
import type { ContainerSpec, Driver, Owner } from '../../node-agents/core/ports.ts'
import { newOwner, newSpec } from './container.ts'
import { eventually } from './eventually.ts'
import { login } from './ssh.ts'

/** One driver as a contract suite sees it. `leftovers` names everything on the host that belongs to an allocation. */
export type Subject = { driver: Driver; image: string; leftovers(allocation: string): Promise<string[]>; close(): Promise<void> }

/** Sets a driver up for the tests of one block, and removes after each what that test made. */
export function fixture(setup: () => Promise<Subject>) {
  let subject: Subject | undefined
  const its = () => {
    if (!subject) throw new Error('not set up yet')
    return subject
  }
  const owners: Owner[] = []
  const owner = () => {
    const fresh = newOwner()
    owners.push(fresh)
    return fresh
  }
  const spec = (over: Partial<ContainerSpec> = {}) => newSpec(its().image, over)
  beforeAll(async () => {
    subject = await setup()
  })
  afterEach(async () => {
    const { driver } = its()
    for (const o of owners.splice(0)) for (const c of (await driver.list(o)).containers) await driver.remove(o, c)
  })
  afterAll(() => its().close())
  return {
    get subject() {
      return its()
    },
    owner,
    spec,
    /** A running container that takes logins. */
    async running(over: Partial<ContainerSpec> = {}) {
      const made = { owner: owner(), ...(await spec(over)) }
      const { port } = await its().driver.run(made.owner, made.spec)
      const target = { ...made.target, port }
      await eventually(() => login(target, 'true'))
      return { ...made, target, it: { ...made.spec, port } }
    },
    stateOf: async (o: Owner) => (await its().driver.list(o)).containers[0]?.state,
  }
}
