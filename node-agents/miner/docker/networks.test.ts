import { expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import type { Engine, Row } from './client.ts'
import { Networks } from './networks.ts'

const OWNER = { edge: 'edge', hotkey: 'hotkey', install: 'install' }
const SETTINGS = { prefix: 'cmptn', pool: '198.18.0.0/15', spares: 2 }

/** What an engine keeps of networks, and who stands on them. `onNetworks` runs while it is asked for their names. */
class FakeEngine {
  readonly networks = new Set<string>()
  readonly standing = new Map<string, string>()
  onNetworks: () => void = () => undefined

  get rows(): Row[] {
    return [...this.standing].map(([Id, NetworkMode]) => ({ Id, Labels: {}, State: 'running', Status: '', HostConfig: { NetworkMode } }))
  }

  readonly engine = {
    list: async ({ network }: { network?: string[] }) => this.rows.filter((row) => !network || network.includes(row.HostConfig?.NetworkMode ?? '')),
    makeNetwork: async ({ Name }: { Name: string }) => {
      this.networks.add(Name)
      return 'there' as const
    },
    networks: async () => {
      const names = [...this.networks]
      this.onNetworks()
      return names
    },
    removeNetwork: async (name: string) => {
      if ([...this.standing.values()].includes(name)) return false
      this.networks.delete(name)
      return true
    },
  } as unknown as Engine
}

test('a network that a container came to stand on while leftovers are looked for is nobody else’s', async () => {
  const fake = new FakeEngine()
  const networks = new Networks(fake.engine, SETTINGS)
  const first = await networks.take(OWNER)
  const before = fake.rows
  fake.onNetworks = () => {
    fake.standing.set('one', first.name)
    first.settle('used')
  }
  networks.tidy(OWNER, before)
  await eventually(async () => expect(fake.standing.size).toBe(1))
  await new Promise((done) => setImmediate(done))
  const second = await networks.take(OWNER)
  expect(second.name).not.toBe(first.name)
  second.settle('failed')
  await networks.close()
})

test('a leftover that nobody stands on becomes a spare', async () => {
  const fake = new FakeEngine()
  fake.networks.add('cmptn0badcafe')
  const networks = new Networks(fake.engine, SETTINGS)
  networks.tidy(OWNER, [])
  await new Promise((done) => setImmediate(done))
  const lease = await networks.take(OWNER)
  expect(lease.name).toBe('cmptn0badcafe')
  lease.settle('failed')
  await networks.close()
  expect(fake.networks.size).toBe(0)
})
