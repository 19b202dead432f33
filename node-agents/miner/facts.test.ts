import { expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { until } from '../../test/support/until.ts'
import { makeLog } from '../core/log.ts'
import { type Driver, DriverError } from '../core/ports.ts'
import { HostWatch } from './facts.ts'

const settings = {
  hotkey: 'h',
  address: '127.0.0.1',
  images: [],
  maxCpus: null,
  maxMemoryGb: null,
  diskReserveGb: null,
  simulateGpu: { model: 'NVIDIA L4', count: 1, vramMb: 24_576 },
}

const away = (code: string) => new DriverError('away', 'the engine does not answer', Object.assign(new Error(code), { code }))

it('says once that the engine is away, why and what to do, and once that it is back', async () => {
  const lines: { level: string; msg: string }[] = []
  const log = makeLog('debug', 'test', { write: (line) => void lines.push(JSON.parse(line) as { level: string; msg: string }) })
  let [asked, failure] = [0, away('EACCES') as Error | null]
  const info = async () => {
    asked++
    if (failure) throw failure
    return { driver: 'docker', isolation: 'runc', engine: 'docker 1', id: '1' }
  }
  const space = async () => ({ freeMb: 1, totalMb: 2 })
  const stop = new AbortController()
  const running = new HostWatch({ driver: { info, space } as unknown as Driver, settings, clock: new HandClock(), log, onNews: () => undefined }).run(
    stop.signal,
  )
  const looks = (n: number) =>
    until(
      `${n} more looks`,
      (
        (from) => () =>
          asked >= from + n
      )(asked),
    )
  await looks(5)
  failure = away('ECONNREFUSED')
  await looks(5)
  failure = away('ENOENT') // means the same to the operator
  await looks(5)
  failure = null
  await looks(5)
  stop.abort()
  await running
  expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    expect.stringMatching(/^warn .*does not answer: .*docker group.*root/),
    expect.stringMatching(/^warn .*does not answer: start the engine.*--docker/),
    expect.stringMatching(/^info .*again/),
  ])
  expect(JSON.stringify(lines)).not.toContain('stack')
})
