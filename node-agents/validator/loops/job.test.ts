import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeChain } from '../../../test/support/fake-chain.ts'
import { until } from '../../../test/support/until.ts'
import { realClock } from '../../core/clock.ts'
import { makeLog } from '../../core/log.ts'
import type { Progress } from '../store/types.ts'
import { Job, type JobSpec, NotYet } from './job.ts'

let chain: FakeChain
let lines: { level: string; msg: string }[]
let kept: Progress[]
let full: boolean
let stop: AbortController
let ended: Promise<unknown>[]

beforeEach(() => {
  ;[chain, lines, kept, full, stop, ended] = [new FakeChain(), [], [], false, new AbortController(), []]
})
afterEach(async () => {
  stop.abort()
  await Promise.allSettled(ended)
})

function start(spec: Partial<JobSpec> & Pick<JobSpec, 'work'>): Job {
  const log = makeLog('debug', 'test', new Writable({ write: (chunk: Buffer, _, done) => (lines.push(JSON.parse(chunk.toString()) as never), done()) }))
  const blocks = { now: () => chain.head, listen: (heard: () => void) => chain.onHead(heard) }
  const keepProgress = async (p: Progress) => {
    if (full) throw new Error('no room on the disk')
    kept.push(p)
  }
  const job = new Job({ blocks, store: { keepProgress }, clock: realClock, log }, { name: 'work', every: 10, kept: null, ...spec })
  ended.push(job.run(stop.signal))
  return job
}

describe('a job', () => {
  it('runs when due, and keeps how far it is', async () => {
    const ran: number[] = []
    start({ work: async (block) => void ran.push(block.number) })
    for (const head of [100, 105, 109, 110, 119, 121]) {
      chain.grow(head)
      await until('settled', () => kept.length === ran.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('the third', () => ran.length === 3)
    expect(ran).toEqual([100, 110, 121])
    await until('kept', () => kept.length === 3)
    expect(kept.at(-1)).toMatchObject({ job: 'work', block: 121, trouble: null })
  })

  it('says a failure once, tries with the next blocks, and goes on', async () => {
    let broken = true
    let tries = 0
    const job = start({
      work: async () => {
        tries++
        if (broken) throw new Error('it is raining')
      },
    })
    for (const [i, head] of [100, 101, 103].entries()) {
      chain.grow(head)
      await until('a try', () => tries === i + 1 && kept.length === i + 1)
    }
    expect(job).toMatchObject({ trouble: 'it is raining', running: false, next: 107 })
    expect(lines.filter((l) => l.level === 'warn')).toHaveLength(1)
    expect(kept.at(-1)?.trouble).toBe('it is raining')
    broken = false
    chain.grow(107)
    await until('over', () => job.trouble === null)
    expect(lines.at(-1)?.msg).toBe('work: goes on')
  })

  it('goes on where it ended, and at once where that was a failure', async () => {
    const before = { job: 'work', block: 100, at: 5, trouble: null }
    const [good, bad, memory]: number[][] = [[], [], []]
    start({ kept: before, work: async (b) => void good?.push(b.number) })
    start({ kept: { ...before, trouble: 'cut short' }, work: async (b) => void bad?.push(b.number) })
    start({ kept: before, atStart: true, work: async (b) => void memory?.push(b.number) })
    chain.grow(104)
    await until('two of them', () => kept.length === 2)
    chain.grow(110)
    await until('the other', () => kept.length === 3)
    expect([good, bad, memory]).toEqual([[110], [104], [104]])
  })

  it('is no failure when it cannot be done yet, nor ends when its progress cannot be kept', async () => {
    full = true
    let tries = 0
    start({
      work: async () => {
        tries++
        throw new NotYet('nothing is there')
      },
    })
    chain.grow(100)
    await until('it is said', () => lines.some((l) => l.level === 'error'))
    chain.grow(101)
    await until('a second try', () => tries === 2)
    expect(lines.filter((l) => l.level === 'warn')).toEqual([])
    expect(
      lines.filter((l) => l.level === 'error'),
      'once',
    ).toHaveLength(1)
  })

  it('ends when told to, in the middle of its work', async () => {
    const job = start({ work: (_, signal) => realClock.sleep(3600_000, signal) })
    chain.grow(100)
    await until('it works', () => job.running)
    stop.abort()
    await expect(ended[0]).rejects.toThrow()
    expect(kept, 'what was cut short is done again').toEqual([])
  })
})
