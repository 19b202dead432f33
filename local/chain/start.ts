import { cryptoWaitReady } from '@polkadot/util-crypto'
import pino from 'pino'
import { type Log, makeLog } from '../../node-agents/core/log.ts'
import { Author, type Pace } from './chain/author.ts'
import { Chain } from './chain/chain.ts'
import { ChainControl } from './control.ts'
import { Store } from './chain/store.ts'
import { defaultParts, type PartOptions } from './parts.ts'
import { devMethods } from './rpc/dev.ts'
import { Lie } from './rpc/lie.ts'
import { serve } from './rpc/server.ts'

export type StartOptions = PartOptions & {
  /** Milliseconds from block to block; 'manual': only when the control says; 'instant': whenever something waits for a block. */
  blockMs: Pace
  /** 0 or left out: any free port. */
  port?: number
  /** Where finalized blocks survive the process; without it the chain is gone with it. */
  stateFile?: string
  /** Where bugs of the chain itself are written. Default: standard error, from "error" up. */
  log?: Log
  /** The chain's clock, ms since 1970. */
  nowMs?: () => number
}

export type RunningChain = {
  /** ws://127.0.0.1:PORT */
  url: string
  control: ChainControl
  close: () => Promise<void>
}

/** A development chain in this process. Throws a Mistake for a state file that is damaged or in use, or a port that is taken. */
export async function startChain(options: StartOptions): Promise<RunningChain> {
  await cryptoWaitReady()
  const store = options.stateFile === undefined ? null : await Store.open(options.stateFile)
  try {
    return await start(options, store)
  } catch (error) {
    store?.close()
    throw error
  }
}

async function start(options: StartOptions, store: Store | null): Promise<RunningChain> {
  const { blockMs, port = 0, stateFile: _, log = makeLog('error', 'chain', pino.destination(2)), nowMs = Date.now, ...genesis } = options
  const parts = defaultParts(genesis)
  const chain = new Chain({ parts, nowMs, log, resume: (chain) => store?.load(chain) ?? null })
  store?.follow(chain)
  const author = new Author(chain, blockMs)
  const node = { chain, author, lie: new Lie() }
  const { methods, connect } = devMethods(node, parts)
  const served = await serve(node, { port, dev: methods, log }).catch((error: unknown) => {
    author.stop()
    throw error
  })
  connect(served)
  const url = `ws://127.0.0.1:${served.port}`
  const close = async () => {
    author.stop()
    await served.close()
    store?.close()
  }
  return { url, control: new ChainControl(url), close }
}
