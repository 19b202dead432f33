import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { call, type Client, connect, pairOf, query, send } from '../support/polkadot.ts'
import { until } from '../support/until.ts'

/** A chain of this kind, the development chain or the real runtime, and how to get its next block (final, too). */
export type Subject = {
  url: string
  newBlock: () => Promise<void>
  /** Gives an account balance, rao. */
  fund: (account: string, rao: bigint) => Promise<void>
  /** A real node is strict where the stand-ins for one are not. */
  strict: boolean
}

/** What holds for the real runtime holds for the development chain. */
export function chainContract(name: string, start: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject
    let client: Client
    beforeAll(async () => {
      subject = await start()
      client = await connect(subject.url)
    })
    afterAll(() => client.close())

    /** Sends and makes the blocks for it. */
    async function through(...args: Parameters<typeof send>) {
      let settled = false
      const sent = send(...args).finally(() => (settled = true))
      const blocks = until('the transaction is final or refused', async () => {
        await subject.newBlock()
        return settled
      })
      return (await Promise.all([sent, blocks]))[0]
    }

    test('is entered without a warning, and says which chain it is', async () => {
      if (subject.strict) expect(client.warnings).toEqual([])
      expect(client.api.runtimeVersion.specName.toString()).toBe('node-subtensor')
      expect(client.api.registry.chainSS58).toBe(42)
      expect((await client.api.rpc.chain.getBlockHash(0)).toHex()).toBe(client.api.genesisHash.toHex())
    })

    test('has the calls an agent makes, with their arguments in order', () => {
      for (const [name, { values, args }] of Object.entries(ARGS)) {
        expect(call(client.api, name, ...values).method.meta.args.map((arg) => `${arg.name} ${arg.type}`)).toEqual(args)
      }
    })

    test('gives defaults, options and many values at once', async () => {
      const { api } = client
      const nobody = (await pairOf('//Nobody')).address
      expect((await query(api, 'subtensorModule.blockAtRegistration')(4000, 7)).toJSON()).toBe(0)
      expect((await query(api, 'subtensorModule.uids')(4000, nobody)).isEmpty).toBe(true)
      expect((await query(api, 'subtensorModule.tempo').multi([4000, 4001])).length).toBe(2)
      expect((await query(api, 'subtensorModule.keys').entries(4000)).length).toBe(0)
      expect((await query(api, 'system.account')(nobody)).toJSON()).toMatchObject({ nonce: 0, data: { free: 0 } })
    })

    test('shows the past at a hash, and none at a hash nobody made', async () => {
      const { api } = client
      const before = await api.rpc.chain.getBlockHash()
      const number = (await query(api, 'system.number')()).toString()
      await subject.newBlock()
      expect((await query(api, 'system.number')()).toString()).not.toBe(number)
      expect((await (await api.at(before)).query['system']?.['number']?.())?.toString()).toBe(number)
      if (subject.strict) await expect(api.rpc.state.getStorage('0x00', `0x${'12'.repeat(32)}`)).rejects.toThrow()
    })

    test('tells of new heads whose hashes are theirs', async () => {
      const { api } = client
      const heads: [number, string][] = []
      const stop = await api.rpc.chain.subscribeNewHeads((header) => void heads.push([header.number.toNumber(), header.hash.toHex()]))
      await until('a first head', () => heads.length > 0)
      await subject.newBlock()
      const [number, hash] = await until('a new head', () => heads[1])
      expect(number).toBe((heads[0]?.[0] ?? 0) + 1)
      expect((await api.rpc.chain.getBlockHash(number)).toHex()).toBe(hash)
      stop()
    })

    test('takes a signed call to a finalized block, and counts its nonce', async () => {
      const { api } = client
      const rich = await pairOf('//Rich')
      await subject.fund(rich.address, 10_000_000_000n)
      const before = (await api.rpc.system.accountNextIndex(rich.address)).toNumber()
      const done = await through(api, call(api, 'system.remarkWithEvent', '0x1234'), rich)
      if (subject.strict) expect(done.statuses).toContain('InBlock')
      expect(done.statuses.at(-1)).toBe('Finalized')
      expect(done.events).toEqual(expect.arrayContaining(['system.Remarked', 'system.ExtrinsicSuccess']))
      expect((await api.rpc.system.accountNextIndex(rich.address)).toNumber()).toBe(before + 1)
      expect((await api.rpc.chain.getBlock(done.block)).block.extrinsics.length).toBe(2)
    })

    test('takes ed25519, immortal and long payloads', async () => {
      const { api } = client
      const edward = await pairOf('//Edward', 'ed25519')
      await subject.fund(edward.address, 10_000_000_000n)
      const done = await through(api, call(api, 'system.remarkWithEvent', `0x${'ab'.repeat(400)}`), edward, { era: 0 })
      expect(done.error).toBeNull()
    })

    test('refuses an old nonce, a changed call and who cannot pay', async () => {
      const { api } = client
      const rich = await pairOf('//Richer')
      const poor = await pairOf('//Poor')
      await subject.fund(rich.address, 10_000_000_000n)
      await through(api, call(api, 'system.remark', '0x01'), rich)
      const nonce = (await api.rpc.system.accountNextIndex(rich.address)).toNumber()
      await expect(send(api, call(api, 'system.remark', '0x02'), rich, { nonce: nonce - 1 })).rejects.toThrow(/1010: .*(outdated|stale)/)
      const bytes = (await call(api, 'system.remark', '0x03').signAsync(rich, { nonce })).toU8a()
      bytes.set([bytes.at(-1) === 0 ? 1 : 0], bytes.length - 1)
      await expect(api.rpc.author.submitExtrinsic(`0x${Buffer.from(bytes).toString('hex')}`)).rejects.toThrow(/1010: .*(bad signature|badProof)/)
      await expect(send(api, call(api, 'system.remark', '0x04'), poor)).rejects.toThrow(/1010: .*(pay some fees|payment)/)
    })

    test('lets a stranger without balance serve nothing', async () => {
      const { api } = client
      const stranger = await pairOf('//Stranger')
      const outcome = await through(api, call(api, 'subtensorModule.serveAxon', ...AXON), stranger).catch(String)
      // By the transaction extension in the pool, or by the call: both are how runtimes have done it.
      if (typeof outcome === 'string') expect(outcome).toMatch(/1010: .*custom.*\d+/i)
      else expect(outcome.error).toMatch(/NotRegistered/)
    })

    test('answers what is no request of its own as JSON-RPC says', async () => {
      expect(await raw(subject.url, '{"jsonrpc":"2.0","id":7,"method":"no_such"}')).toMatchObject({ id: 7, error: { code: -32601 } })
      if (!subject.strict) return
      expect(await raw(subject.url, '{nonsense')).toMatchObject({ id: null, error: { code: -32700 } })
      expect(await raw(subject.url, '{"jsonrpc":"2.0","id":8,"method":"chain_getHeader","params":["0x12"]}')).toMatchObject({ error: { code: -32602 } })
      const many = '[{"jsonrpc":"2.0","id":1,"method":"system_chain"},{"jsonrpc":"2.0","id":2,"method":"no_such"}]'
      expect(await raw(subject.url, many)).toMatchObject([{ id: 1 }, { id: 2, error: { code: -32601 } }])
    })
  })
}

const AXON = [27, 183, 0x08080808n, 8091, 4, 4, 0, 0]

const ARGS: Record<string, { values: unknown[]; args: string[] }> = {
  'subtensorModule.serveAxon': {
    values: AXON,
    args: ['netuid u16', 'version u32', 'ip u128', 'port u16', 'ipType u8', 'protocol u8', 'placeholder1 u8', 'placeholder2 u8'],
  },
  'subtensorModule.servePrometheus': {
    values: [27, 183, 0x08080808n, 8091, 4],
    args: ['netuid u16', 'version u32', 'ip u128', 'port u16', 'ipType u8'],
  },
  'subtensorModule.setWeights': {
    values: [27, [0], [1], 0],
    args: ['netuid u16', 'dests Vec<u16>', 'weights Vec<u16>', 'versionKey u64'],
  },
}

/** The reply to one message, whatever the message. */
export function raw(url: string, message: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.on('open', () => socket.send(message))
    socket.on('error', reject)
    socket.on('message', (data) => {
      socket.close()
      resolve(JSON.parse(String(data)))
    })
  })
}
