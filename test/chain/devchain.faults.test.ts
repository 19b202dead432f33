import { describe, expect, test } from 'vitest'
import { call, pairOf, query, send } from '../support/polkadot.ts'
import { withChain } from '../support/devchain.ts'
import { until } from '../support/until.ts'

describe('what tests may do to the development chain', () => {
  test('a reorganisation: heads of the same numbers, and the calls in it again', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      await control.advance(2)
      const heads: [number, string][] = []
      await api.rpc.chain.subscribeNewHeads((header) => void heads.push([header.number.toNumber(), header.hash.toHex()]))
      const sent = send(api, call(api, 'system.remark', '0x01'), alice, { until: 'Finalized' })
      await until('it is in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length === 1)
      await control.hyperparameter(27, 'Tempo', 99)
      const first = await control.newBlocks()
      await until('it is in a block', () => heads.some(([, hash]) => hash === first.hash))
      const fork = await control.reorg(1)
      expect(fork.map(({ number }) => number)).toEqual([first.number, first.number + 1])
      expect(fork[0]?.hash).not.toBe(first.hash)
      await until('the fork is told', () => heads.length >= 4)
      expect(heads.map(([number]) => number)).toEqual([2, 3, 3, 4])
      expect((await api.rpc.chain.getBlockHash(3)).toHex()).toBe(fork[0]?.hash)
      expect((await query(api, 'subtensorModule.tempo')(27)).toJSON()).toBe(99)
      await control.finalize()
      const { statuses, block } = await sent
      expect(statuses).toContain('Retracted')
      expect(block).toBe(fork[0]?.hash)
      expect((await api.rpc.chain.getBlock(first.hash)).block.header.number.toNumber()).toBe(3)
      await expect(control.reorg(1)).rejects.toThrow(/not all open/)
    })
  })

  test('an upgrade: other indices, which a client learns while connected', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      const old = await call(api, 'balances.transferKeepAlive', alice.address, 1n).signAsync(alice, { nonce: 0 })
      const before = [...old.method.toU8a()].slice(0, 2)
      await control.advance()
      await control.upgrade()
      await control.advance()
      await until('the client has seen it', () => api.runtimeVersion.specVersion.toNumber() === 426)
      const now = call(api, 'balances.transferKeepAlive', alice.address, 1n)
      expect([...now.method.toU8a()].slice(0, 2)).not.toEqual(before)
      await expect(api.rpc.author.submitExtrinsic(old)).rejects.toThrow(/1002|1010/)
      const sent = send(api, now, alice, { nonce: 0, until: 'InBlock' })
      await until('it is in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length === 1)
      await control.newBlocks()
      expect(await sent).toMatchObject({ error: null, events: expect.arrayContaining(['balances.Transfer', 'system.ExtrinsicSuccess']) })
      const past = await api.at(await api.rpc.chain.getBlockHash(1))
      expect((await past.query['system']?.['number']?.())?.toJSON()).toBe(1)
    })
  })

  test('heads, finality and answers stall and come back', async () => {
    await withChain({ blockMs: 50 }, async ({ api, control }) => {
      const head = async () => (await api.rpc.chain.getHeader()).number.toNumber()
      const final = async () => (await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead())).number.toNumber()
      await until('finality follows', async () => (await final()) > 1)
      await control.stall({ finality: true })
      const stuck = await final()
      await until('heads go on', async () => (await head()) > stuck + 6)
      expect(await final()).toBe(stuck)
      await control.stall({ heads: true })
      const still = await head()
      await control.newBlocks(2)
      expect(await head()).toBe(still + 2)
      await control.stall({ answers: true })
      let answered = false
      const asked = head().finally(() => (answered = true))
      await control.get('System.Number')
      expect(answered).toBe(false)
      await control.resume()
      expect(await asked).toBeGreaterThanOrEqual(still + 2)
      await until('finality follows again', async () => (await final()) > stuck + 6)
    })
  })

  test('connections are cut, and taken again', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      let cut = 0
      api.on('disconnected', () => cut++)
      await control.drop()
      await until('the client noticed', () => cut > 0)
      await until('the client is back', () => api.isConnected)
      expect((await api.rpc.chain.getHeader()).number.toNumber()).toBe(0)
    })
  })

  test('a head that is a lie: ahead of all, or behind', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      await control.advance(5)
      await control.lie({ headBy: 1000 })
      const told = await api.rpc.chain.getHeader()
      expect(told.number.toNumber()).toBe(1005)
      expect(told.hash.toHex()).toBe((await api.rpc.chain.getBlockHash()).toHex())
      await control.lie({ headBy: -3 })
      expect((await api.rpc.chain.getHeader()).number.toNumber()).toBe(2)
      await control.resume()
      expect((await api.rpc.chain.getHeader()).number.toNumber()).toBe(5)
    })
  })

  test('states of long ago are gone, as with any node that is no archive', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      await control.advance(310)
      const old = await api.rpc.chain.getBlockHash(3)
      const key = query(api, 'system.number').key()
      await expect(api.rpc.state.getStorage(key, old)).rejects.toThrow(/State already discarded/)
      expect((await api.rpc.chain.getHeader(old)).number.toNumber()).toBe(3)
    })
  })
})
