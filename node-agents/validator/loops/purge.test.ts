import { beforeEach, describe, expect, it } from 'vitest'
import { FakeChain } from '../../../test/support/fake-chain.ts'
import type { Neuron } from '../../core/chain/types.ts'
import { realClock } from '../../core/clock.ts'
import { makeLog } from '../../core/log.ts'
import type { Follow } from '../follow.ts'
import type { KnownNeuron } from '../store/types.ts'
import { Purge } from './purge.ts'

const neuron = (uid: number, hotkey: string, registeredAt = 1) => ({ uid, hotkey, coldkey: 'c', registeredAt }) as Neuron
const [BOTH, ONE] = [
  [neuron(0, 'a'), neuron(1, 'b')],
  [neuron(0, 'a'), neuron(1, 'other', 9)],
]

let chain: FakeChain
let purge: Purge
let view: Follow['view']
let followed: string[][]

beforeEach(() => {
  ;[chain, followed, view] = [new FakeChain(), [], null]
  const store = { follow: async (now: Omit<KnownNeuron, 'seenAt'>[]) => (followed.push(now.map((n) => n.hotkey)), []) }
  const follow = {
    get view() {
      return view
    },
  } as Follow
  purge = new Purge({ chain, follow, store, netuid: 27, clock: realClock, log: makeLog('silent', 'test') })
})

/** What the newest block shows, and what is final. */
async function look(best: Neuron[], final: Neuron[]): Promise<void> {
  chain.grow((chain.head?.number ?? 0) + 1)
  chain.neurons = best
  view = { metagraph: await chain.metagraph(27) } as Follow['view']
  chain.neurons = final
  await purge.step()
}

describe('who left', () => {
  it('is forgotten when that is final, and not before', async () => {
    await look(BOTH, BOTH)
    await look(ONE, BOTH)
    await look(BOTH, BOTH)
    expect(followed, 'a fork takes nothing from anybody').toEqual([['a', 'b']])
    await look(ONE, ONE)
    expect(followed).toEqual([
      ['a', 'b'],
      ['a', 'other'],
    ])
  })

  it('is not looked for while nobody comes or goes', async () => {
    await look(BOTH, BOTH)
    const asked = chain.asked.length
    await purge.step()
    expect(chain.asked).toHaveLength(asked)
  })

  it('stays while the chain cannot be read', async () => {
    await look(BOTH, BOTH)
    chain.neurons = ONE
    view = { metagraph: await chain.metagraph(27) } as Follow['view']
    chain.away = new Error('gone')
    await expect(purge.step()).rejects.toThrow('gone')
    expect(followed).toHaveLength(1)
    chain.away = null
    await purge.step()
    expect(followed).toHaveLength(2)
  })

  it('is known before anything is kept of anybody', async () => {
    const settled = purge.settled.passed(new AbortController().signal).then(() => true)
    expect(await Promise.race([settled, Promise.resolve(false)])).toBe(false)
    await look(BOTH, BOTH)
    expect(await settled).toBe(true)
  })
})
