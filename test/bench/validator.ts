import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { Program, run } from '../support/process.ts'
import { until } from '../support/until.ts'
import { type Bench, type Figure, median, round } from './measure.ts'

const SIZES = [64, 256, 1024]
const [FEWEST, , MOST] = SIZES

type Weighed = { /** CPU ms of the first cycle, and of each after it. */ first: number; cpu: number[]; mb: number }

/** A validator in a process of its own, with a chain of its own for so many uids. */
async function weigh(size: number): Promise<Weighed> {
  const chain = new Program('local/chain/main.ts', ['--block-ms', 'manual', '--max-uids', String(size), '--register', 'off'])
  try {
    const line = await until('the chain to listen', () => chain.out.split('\n')[0], 30_000)
    const { url } = JSON.parse(line) as { url: string }
    const { code, out, err } = await run('test/bench/validator.agent.ts', [url, String(size)], {}, AGENT_FLAGS)
    if (code !== 0) throw new Error(`the validator ended with ${code}: ${err}`)
    return JSON.parse(out) as Weighed
  } finally {
    chain.child.kill('SIGTERM')
    await chain.ended
  }
}

/** One cycle of a validator, from a new block to weights ready to be signed. Without the network's time and without proofs. Under a minute. */
export const bench: Bench = async () => {
  const figures: Figure[] = []
  const cpu = new Map<number, number>()
  for (const size of SIZES) {
    const weighed = await weigh(size)
    cpu.set(size, median(weighed.cpu))
    const note = `the first ${round(weighed.first)} ms`
    figures.push({ name: `validator_cycle_cpu_ms_${size}`, value: round(median(weighed.cpu)), unit: 'ms of CPU', n: weighed.cpu.length, note })
    figures.push({ name: `validator_rss_mb_${size}`, value: round(weighed.mb), unit: 'MB', note: 'after all cycles' })
  }
  const [few = Number.NaN, many = Number.NaN] = [cpu.get(FEWEST ?? 0), cpu.get(MOST ?? 0)]
  const to = `the same with ${FEWEST} (${round(few)} ms); sixteen times as many uids`
  figures.push({ name: 'validator_cycle_growth', value: round(many), unit: 'ms of CPU', to, ratio: round(many / few) })
  return figures
}
