import { ChainControl } from '../../local/chain/control.ts'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { DEFAULTS } from '../../node-agents/core/chain/limits.ts'
import { lost, Rpc } from '../../node-agents/core/chain/rpc.ts'
import type { Block } from '../../node-agents/core/chain/types.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Chain } from '../../node-agents/core/ports.ts'
import { Program, run } from '../support/process.ts'
import { until } from '../support/until.ts'
import { type Bench, type Figure, median, round, timed } from './measure.ts'

const NETUID = 27
const FEW = 256
const SIZES = [FEW, 1024, 4096]
const READS = 7
const BLOCKS = 10
const AGENTS = 3
/** Of the fields of `readMetagraph`: what the raw call asks for. */
const FIELDS = [0, 5, 6, 7, 8, 52, 53, 55, 56, 57, 59, 60, 61, 62, 63, 66, 67, 68, 69]

/** A development chain in a process of its own, and a connection to it. */
async function start(blockMs: string): Promise<{ url: string; control: ChainControl; close(): Promise<unknown> }> {
  const program = new Program('local/chain/main.ts', ['--block-ms', blockMs, '--max-uids', '4096', '--register', 'off'])
  const line = await until('the chain to listen', () => program.out.split('\n')[0], 30_000)
  const { url } = JSON.parse(line) as { url: string }
  const close = () => {
    program.child.kill('SIGTERM')
    return program.ended
  }
  return { url, control: new ChainControl(url), close }
}

async function connected<T>(url: string, work: (chain: Chain) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const chain = connectChain({ endpoints: [url], genesis: null, log: makeLog('error', 'bench') })
  const running = chain.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  try {
    await chain.ready(AbortSignal.timeout(30_000))
    return await work(chain)
  } finally {
    stop.abort()
    await running
  }
}

/** Milliseconds and CPU milliseconds of this process. */
async function spent(work: () => Promise<unknown>): Promise<{ ms: number; cpu: number }> {
  const before = process.cpuUsage()
  const ms = await timed(work)
  const { user, system } = process.cpuUsage(before)
  return { ms, cpu: (user + system) / 1000 }
}

/** Milliseconds until the answer is here as it comes over the wire, not decoded. */
async function rawCall(url: string, at: string): Promise<number> {
  const rpc = await Rpc.open(url, DEFAULTS, AbortSignal.timeout(30_000))
  const args = Buffer.from([NETUID, 0, FIELDS.length * 4, ...FIELDS.flatMap((f) => [f, 0])]).toString('hex')
  const sample: number[] = []
  for (let i = 0; i < READS; i++) sample.push(await timed(() => rpc.call('state_call', ['SubnetInfoRuntimeApi_get_selective_metagraph', `0x${args}`, at])))
  rpc.close(lost(url, 'the bench is over'))
  return median(sample)
}

async function metagraphs(url: string, control: ChainControl): Promise<Figure[]> {
  const figures: Figure[] = []
  let there = FEW
  for (const size of SIZES) {
    await control.call('populate', { netuid: NETUID, n: size - there })
    there = size
    const { hash } = await control.newBlocks()
    const sample = await connected(url, async (chain) => {
      const all = []
      for (let i = -1; i < READS; i++) {
        const one = await spent(async () => {
          const read = await chain.metagraph(NETUID, hash)
          if (read?.neurons.length !== size) throw new Error(`${read?.neurons.length} neurons, not ${size}`)
        })
        if (i >= 0) all.push(one)
      }
      return all
    })
    const raw = await rawCall(url, hash)
    const ms = median(sample.map((s) => s.ms))
    const to = `the bare state_call, not decoded (${round(raw)} ms)`
    figures.push({ name: `metagraph_ms_${size}`, value: round(ms), unit: 'ms', to, ratio: round(ms / raw), n: READS })
    figures.push({
      name: `metagraph_cpu_ms_${size}`,
      value: round(median(sample.map((s) => s.cpu))),
      unit: 'ms of CPU',
      n: READS,
      note: 'of the agent alone',
    })
  }
  return figures
}

/** From asking for a block until its metagraph is in memory. */
async function headToMetagraph(url: string, control: ChainControl): Promise<Figure> {
  const heard: number[] = []
  const read: number[] = []
  await connected(url, async (chain) => {
    for (let i = 0; i < BLOCKS; i++) {
      const { promise, resolve } = Promise.withResolvers<Block>()
      const off = chain.onHead(resolve)
      const start = performance.now()
      await control.newBlocks()
      const { hash } = await promise
      off()
      heard.push(performance.now() - start)
      await chain.metagraph(NETUID, hash)
      read.push(performance.now() - start)
    }
  })
  const [value, to] = [median(read), median(heard)]
  return {
    name: 'head_to_metagraph_ms',
    value: round(value),
    unit: 'ms',
    to: `the same until the head is heard (${round(to)} ms)`,
    ratio: round(value / to),
    n: BLOCKS,
  }
}

async function weigh(args: string[]): Promise<number> {
  const { code, out, err } = await run('test/bench/chain.agent.ts', args, {}, AGENT_FLAGS)
  if (code !== 0) throw new Error(`the agent ended with ${code}: ${err}`)
  return (JSON.parse(out) as { mb: number }).mb
}

async function memory(url: string): Promise<Figure> {
  const sample: number[] = []
  for (let i = 0; i < AGENTS; i++) sample.push(await weigh([url]))
  const [value, to] = [median(sample), await weigh([])]
  return {
    name: 'chain_rss_mb',
    value: round(value),
    unit: 'MB',
    to: `the same process without a chain (${round(to)} MB)`,
    ratio: round(value / to),
    n: AGENTS,
    note: `${FEW} uids`,
  }
}

/** The chain as an agent reads it, against a development chain in another process. About half a minute. */
export const bench: Bench = async () => {
  const still = await start('manual')
  const moving = await start('500')
  try {
    for (const { control } of [still, moving]) await control.call('populate', { netuid: NETUID, n: FEW - 1 })
    const rss = await memory(moving.url)
    const fresh = await headToMetagraph(still.url, still.control)
    return [...(await metagraphs(still.url, still.control)), fresh, rss]
  } finally {
    await Promise.all([still.close(), moving.close()])
  }
}
