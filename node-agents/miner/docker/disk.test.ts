import { expect, test } from 'vitest'
import type { Engine, Row } from './client.ts'
import { Meter } from './disk.ts'
import { labelsOf } from './labels.ts'

const MB = 2 ** 20
const owner = { edge: 'e', hotkey: 'h', install: 'i' }
const rowOf = (allocation: string, State = 'running'): Row => ({
  Id: allocation,
  State,
  Status: '',
  Labels: labelsOf(owner, { allocation, incarnation: 1, gpus: [], port: 1, hostKey: 'k', trace: 't' }),
})

/** An engine that counts some at once, and the others when told. */
function engineWith(rows: Row[], counts: Record<string, number | null>) {
  const begun: string[] = []
  const ends = new Map<string, (bytes: number) => void>()
  const engine = {
    list: async () => rows,
    written: async (id: string) => {
      begun.push(id)
      return id in counts ? (counts[id] ?? null) : new Promise<number>((resolve) => ends.set(id, resolve))
    },
  } as unknown as Engine
  return { meter: new Meter(engine, { taken: async () => null }, 50), begun, end: (id: string, bytes: number) => ends.get(id)?.(bytes) }
}

test('one that cannot be measured in time keeps nobody else from it, and no second walk begins meanwhile', async () => {
  const { meter, begun } = engineWith([rowOf('many'), rowOf('few')], { few: 5 * MB })
  for (const _ of [1, 2]) {
    expect(await meter.written(owner)).toMatchObject([
      { allocation: 'many', mb: null },
      { allocation: 'few', mb: 5 },
    ])
  }
  expect(begun).toEqual(['many', 'few', 'few'])
})

test('a late count is old for one that runs on, and true for one that is frozen', async () => {
  const rows = [rowOf('a'), rowOf('b')]
  const { meter, end } = engineWith(rows, {})
  expect((await meter.written(owner)).map((w) => w.mb)).toEqual([null, null])
  rows[1] = rowOf('b', 'paused')
  end('a', MB)
  end('b', 7 * MB)
  expect((await meter.written(owner)).map((w) => w.mb)).toEqual([null, 7])
})

test('what the engine fails to count is not nothing', async () => {
  const { meter } = engineWith([rowOf('deep')], { deep: null })
  expect(await meter.written(owner)).toMatchObject([{ mb: null }])
})
