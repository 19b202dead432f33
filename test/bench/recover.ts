import { join } from 'node:path'
import type { AllocationView, Report } from '../../schema/index.ts'
import { Market } from '../faults/market.ts'
import { run } from '../support/process.ts'
import { HOST_KEY } from '../support/agent.ts'
import { until } from '../support/until.ts'
import { type Bench, median, quantile, round, timed } from './measure.ts'

const RUNS = 12
const WARM_UP = 2

/** From kill -9 of an agent, restarted at once, until the edge took a report of the new process that shows the rental running. */
async function recovered(market: Market, id: string): Promise<number> {
  let old = ''
  let agreed = false
  market.taps.edge.onAnswer = ({ path, body, answer }) => {
    if (path !== '/agent/sync' || !answer.includes('"wish"')) return
    const { boot, allocations } = JSON.parse(body) as Report
    if (old === '') old = boot
    agreed ||= boot !== old && allocations.some((a) => a.id === id && a.phase === 'running')
  }
  // One report of the process that is about to die, to know the next one from it.
  await market.call('POST', `/v1/allocations/${id}/extend`, { lease_hours: 24 }, { prefer: 'wait=0' })
  await until('a report of the old process', () => old !== '', 60_000)
  return timed(async () => {
    await market.kill('agent')
    await market.revive('agent')
    await until('agreement', () => agreed, 60_000)
  })
}

/** How soon a killed agent is back, against a process of Node that signs one request and has its answer; in turns. */
export const bench: Bench = async () => {
  const market = await Market.open()
  try {
    const { body } = await market.call<AllocationView>('POST', '/v1/allocations', { ssh_keys: [HOST_KEY] }, { prefer: 'wait=60' })
    if (body.state !== 'running') throw new Error(`not running: ${JSON.stringify(body)}`)
    const [floor, ours]: [number[], number[]] = [[], []]
    for (let i = -WARM_UP; i < RUNS; i++) {
      const least = await timed(async () => {
        const { code, err } = await run('test/bench/recover.floor.ts', [market.taps.edge.url, market.address, join(market.folder, 'hotkey')])
        if (code !== 0) throw new Error(err)
      })
      const back = await recovered(market, body.id)
      if (i < 0) continue
      floor.push(least)
      ours.push(back)
    }
    const note = 'kill -9 of the agent, restarted at once, until the edge has a report of the new process with the rental running; box driver'
    return [
      { name: 'signed_request_process_ms', value: round(median(floor)), unit: 'ms', n: RUNS },
      {
        name: 'recover_ms',
        value: round(median(ours)),
        unit: 'ms',
        to: 'signed_request_process_ms',
        ratio: round(median(ours) / median(floor)),
        n: RUNS,
        note,
      },
      { name: 'recover_p95_ms', value: round(quantile(ours, 0.95)), unit: 'ms', n: RUNS },
    ]
  } finally {
    await market.close()
  }
}
