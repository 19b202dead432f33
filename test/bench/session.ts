import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { Program, run } from '../support/process.ts'
import { until } from '../support/until.ts'
import { type Bench, median, round } from './measure.ts'
import { TASK } from './session.draws.ts'

type Weighed = { cpuS: number; wallS: number; bytes: { in: number; out: number }; rested: number; peakMb: number }

const RUNS = 7
const WAVE = 32
const ROUND = 256
/** Of a round so many machines are proved; all are alike. */
const MEASURED = 64

/** Proving machines of 8 GPUs over SSH: what it weighs on the validator. The host is a process of its own, which has all answers ready. */
export const bench: Bench = async () => {
  const host = new Program('test/bench/session.host.ts', [])
  try {
    const at = await until('the host to be ready', () => host.out.split('\n')[0], 120_000)
    const prove = async (machines: number, wave: number) => {
      const { code, out, err } = await run('test/bench/session.agent.ts', [String(machines), String(wave), at], {}, AGENT_FLAGS)
      if (code !== 0) throw new Error(`the validator ended with ${code}: ${err}`)
      return JSON.parse(out) as Weighed
    }
    const many = await prove(MEASURED, WAVE)
    const alone: Weighed[] = []
    for (let i = 0; i < RUNS; i++) alone.push(await prove(1, 1))
    const [one = many] = alone
    const peaks = alone.map(({ peakMb }) => peakMb)
    const [scale, perMachine] = [ROUND / MEASURED, many.cpuS / MEASURED]
    const seen = `n=${TASK.sizes.n}, ${TASK.gpus} GPUs each`
    const wire = `both ways, of a whole session: ${round(one.bytes.in / 1e6, 1)} MB of a machine, ${one.bytes.out} bytes to it`
    return [
      {
        name: 'proof_rss_mb',
        value: round(median(peaks), 0),
        unit: 'MB',
        n: RUNS,
        note: `peak of a process that proves one machine over SSH, ${seen}; the most ${round(Math.max(...peaks), 0)} MB; ${round(one.rested, 0)} MB before it began`,
      },
      { name: 'proof_rss_wave_mb', value: round(many.peakMb, 0), unit: 'MB', note: `the same with ${WAVE} machines at once` },
      {
        name: 'round_256_s',
        value: round(many.cpuS * scale, 1),
        unit: 's',
        n: MEASURED,
        note: `CPU for ${ROUND} machines in waves of ${WAVE}, SSH included: ${round(perMachine * 1000, 0)} ms each, ${MEASURED} measured`,
      },
      { name: 'session_wire_gpu_mb', value: round((one.bytes.in + one.bytes.out) / TASK.gpus / 1e6), unit: 'MB', note: wire },
    ]
  } finally {
    host.child.kill('SIGTERM')
    await host.ended
  }
}
