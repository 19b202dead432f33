import { afterAll, describe } from 'vitest'
import { type RunningChain, startChain } from '../../local/chain/start.ts'
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
