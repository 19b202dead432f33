import { Metadata, TypeRegistry } from '@polkadot/types'
import { afterAll, describe, expect, test } from 'vitest'
import { type RunningChain, startChain } from '../../local/chain/start.ts'
import { withChain } from '../support/devchain.ts'
import { until } from '../support/until.ts'
import { chainContract, raw, type Subject } from './devchain.contract.ts'

/** By hand against the real runtime, run by chopsticks: COMPUTE_TEST_CHAIN=ws://127.0.0.1:PORT. */
const OTHER = process.env['COMPUTE_TEST_CHAIN']

describe('a development chain', () => {
  let chain: RunningChain
  afterAll(() => chain.close())
  chainContract('of its own', async (): Promise<Subject> => {
    chain = await startChain({ blockMs: 100 })
    const { url, control } = chain
    const number = async () => ((await raw(url, '{"jsonrpc":"2.0","id":1,"method":"chain_getHeader"}')) as { result: { number: string } }).result.number
    const newBlock = async () => {
      const before = await number()
      await until('the next block', async () => (await number()) !== before)
    }
    const fund = async (account: string, rao: bigint) => {
      await control.fund(account, rao)
      await newBlock()
    }
    return { url, strict: true, newBlock, fund }
  })
})

test('metadata of both versions says the same of every pallet', async () => {
  await withChain({ blockMs: 'manual' }, async ({ api }) => {
    const told = [await api.rpc.state.getMetadata(), api.runtimeMetadata]
    expect(told.map(({ version }) => version)).toEqual([14, 15])
    const [old, recent] = told.map((metadata) => summary(new Metadata(new TypeRegistry(), metadata.toHex())))
    expect(old).toEqual(recent)
    expect(old?.find(({ name }) => name === 'SubtensorModule')?.calls).toContain('119 set_mechanism_weights(netuid, mecid, dests, weights, version_key)')
  })
})

/** Names and indices, without the numbers of types: each version counts its own. */
function summary(metadata: Metadata) {
  const { pallets, lookup } = metadata.asLatest
  return pallets.map((pallet) => {
    const variants = (type: { isSome: boolean; unwrap: () => { type: Parameters<typeof lookup.getSiType>[0] } }) =>
      type.isSome
        ? lookup
            .getSiType(type.unwrap().type)
            .def.asVariant.variants.map(({ index, name, fields }) => `${index} ${name}(${fields.map((f) => f.name.unwrapOr('')).join(', ')})`)
        : []
    const items = pallet.storage.isSome ? pallet.storage.unwrap().items.map((item) => `${item.name} ${item.modifier.type} ${item.fallback.toHex()}`) : []
    const { calls, events, errors } = pallet
    const constants = pallet.constants.map(({ name, value }) => `${name} ${value.toHex()}`)
    return { name: pallet.name.toString(), calls: variants(calls), events: variants(events), errors: variants(errors), items, constants }
  })
}

if (OTHER) chainContract(`the chain at ${OTHER}`, () => Promise.resolve(chopsticks(OTHER)))

function chopsticks(url: string): Subject {
  const dev = async (method: string, ...params: unknown[]) => {
    const reply = (await raw(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))) as { error?: { message: string } }
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`)
  }
  return {
    url,
    strict: false,
    newBlock: () => dev('dev_newBlock'),
    fund: (account, rao) => dev('dev_setStorage', { System: { Account: [[[account], { providers: 1, data: { free: rao.toString() } }]] } }),
  }
}
