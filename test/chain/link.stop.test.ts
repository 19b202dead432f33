import { expect, onTestFinished, test } from 'vitest'
import { agentOn, DEV, NETUID, ownChain } from '../support/connected.ts'
import { connect } from '../support/polkadot.ts'
import { until } from '../support/until.ts'

const { Alice } = DEV

test('who is told to stop waits neither for a transaction nor for an endpoint: a process could not end', async () => {
  const { url, control } = await ownChain({ blockMs: 'manual' })
  const { api, close } = await connect(url)
  onTestFinished(close)
  await control.register(NETUID, Alice.address, Alice.address)
  await control.advance(1)
  const chain = agentOn([url])
  const serving = chain.serveAxon(Alice, { netuid: NETUID, ip: '203.0.113.7', port: 8091, version: 183 })
  const ended = expect(serving).rejects.toMatchObject({ name: 'AbortError' })
  await until('it is in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length === 1, 30_000)
  await chain.stop()
  await ended
  await expect(chain.uidOf(NETUID, Alice.address)).rejects.toMatchObject({ name: 'AbortError' })
}, 60_000)
