import { describe, expect, test } from 'vitest'
import { call, pairOf, query, send } from '../support/polkadot.ts'
import { withChain } from '../support/devchain.ts'
import { until } from '../support/until.ts'

const remark = '0x1234'

describe('the pool of the development chain', () => {
  test('keeps a call whose nonce comes later until the gap is closed', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      const late = send(api, call(api, 'system.remark', remark), alice, { nonce: 1 })
      await until('the later one waits', async () => (await control.newBlocks()).number > 0)
      expect((await api.rpc.system.accountNextIndex(alice.address)).toNumber()).toBe(0)
      const first = send(api, call(api, 'system.remark', remark), alice, { nonce: 0, until: 'InBlock' })
      await until('both are ready', async () => (await api.rpc.system.accountNextIndex(alice.address)).toNumber() === 2)
      const block = await control.newBlocks()
      expect((await first).block).toBe(block.hash)
      await control.finalize()
      expect(await late).toMatchObject({ statuses: expect.arrayContaining(['Future', 'Ready', 'Finalized']), block: block.hash, error: null })
    })
  })

  test('takes a transaction once, and two of one nonce only by a higher tip', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      const tx = await call(api, 'system.remark', remark).signAsync(alice, { nonce: 0 })
      await api.rpc.author.submitExtrinsic(tx)
      await expect(api.rpc.author.submitExtrinsic(tx)).rejects.toThrow(/1013/)
      await expect(send(api, call(api, 'system.remark', '0x55'), alice, { nonce: 0 })).rejects.toThrow(/1014.*too low priority/)
      const usurper = send(api, call(api, 'system.remark', '0x66'), alice, { nonce: 0, tip: 5n, until: 'InBlock' })
      await until('the first is gone', async () => (await api.rpc.author.pendingExtrinsics())[0]?.tip.toNumber() === 5)
      await control.newBlocks()
      expect((await usurper).error).toBeNull()
      await expect(api.rpc.author.submitExtrinsic(tx)).rejects.toThrow(/1012|outdated/)
    })
  })

  test('tells who watches that another took the nonce', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api }) => {
      const alice = await pairOf('//Alice')
      const first = send(api, call(api, 'system.remark', remark), alice, { nonce: 0, until: 'Usurped' })
      await until('the first is in the pool', async () => (await api.rpc.author.pendingExtrinsics()).length === 1)
      const second = await call(api, 'system.remark', '0x66').signAsync(alice, { nonce: 0, tip: 5 })
      await api.rpc.author.submitExtrinsic(second)
      expect((await first).statuses).toEqual(['Ready', 'Usurped'])
    })
  })

  test('refuses a mortal call after its time, and an era of a block nobody made', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      await control.advance(5)
      const sign = (blockNumber: number, blockHash: string, period = 8) =>
        call(api, 'system.remark', remark).signAsync(alice, { nonce: 0, blockHash, era: api.createType('ExtrinsicEra', { current: blockNumber, period }) })
      const head = await api.rpc.chain.getHeader()
      const good = await sign(head.number.toNumber(), head.hash.toHex())
      const forked = await sign(head.number.toNumber(), `0x${'77'.repeat(32)}`)
      await expect(api.rpc.author.submitExtrinsic(forked)).rejects.toThrow(/1010.*bad signature/)
      await control.advance(20)
      await expect(api.rpc.author.submitExtrinsic(good)).rejects.toThrow(/1010.*(bad signature|ancient birth)/)
    })
  })

  test('says invalid of a waiting call whose time runs out', async () => {
    await withChain({ blockMs: 'manual' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      await control.advance(3)
      const { hash, number } = await api.rpc.chain.getHeader()
      const era = api.createType('ExtrinsicEra', { current: number.toNumber(), period: 4 })
      const tx = await call(api, 'system.remark', remark).signAsync(alice, { nonce: 7, blockHash: hash, era })
      const told: string[] = []
      await tx.send(({ status }) => void told.push(status.type))
      await until('it waits', () => told.includes('Future'))
      await control.newBlocks(10)
      await until('it hears', () => told.length > 1)
      expect(told).toEqual(['Future', 'Invalid'])
    })
  })

  test('charges what costs and only that', async () => {
    await withChain({ blockMs: 'instant', commitReveal: false }, async ({ api }) => {
      const owner = await pairOf('//Owner')
      const free = async () => ((await query(api, 'system.account')(owner.address)).toJSON() as { data: { free: number } }).data.free
      const before = await free()
      const served = await send(api, call(api, 'subtensorModule.serveAxon', 27, 183, 0x08080808n, 8091, 4, 4, 0, 0), owner)
      expect(served.events).toEqual(['subtensorModule.AxonServed', 'system.ExtrinsicSuccess'])
      expect(await free()).toBe(before)
      const costs = await send(api, call(api, 'system.remark', remark), owner)
      expect(costs.events).toContain('transactionPayment.TransactionFeePaid')
      expect(await free()).not.toBe(before)
    })
  })

  test('undoes all of a failed call but nonce and fee', async () => {
    await withChain({ blockMs: 'instant' }, async ({ api }) => {
      const alice = await pairOf('//Alice')
      const failed = await send(api, call(api, 'balances.transferKeepAlive', (await pairOf('//Bob')).address, 10n ** 18n), alice)
      expect(failed.error).toBe('{"token":"FundsUnavailable"}')
      expect(failed.events.at(-1)).toBe('system.ExtrinsicFailed')
      expect(failed.events).not.toContain('balances.Transfer')
      expect((await query(api, 'system.account')(alice.address)).toJSON()).toMatchObject({ nonce: 1 })
    })
  })

  test('refuses what a test tells it to', async () => {
    await withChain({ blockMs: 'instant' }, async ({ api, control }) => {
      const alice = await pairOf('//Alice')
      await control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Custom error: 6' })
      await expect(send(api, call(api, 'system.remark', remark), alice)).rejects.toThrow('1010: Invalid Transaction: Custom error: 6')
      expect((await send(api, call(api, 'system.remark', remark), alice)).error).toBeNull()
    })
  })
})
