import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { toU16Weights } from '../../core/chain/weights.ts'

type Vector = { uids: number[]; scores: number[]; kept: number[]; values: number[] }

/** Made by the Python SDK: test/vectors/weights.py. */
const { sdk, vectors } = JSON.parse(readFileSync(new URL('../../../test/vectors/weights.json', import.meta.url), 'utf8')) as { sdk: string; vectors: Vector[] }

test(`u16 weights are those of the Python SDK ${sdk}`, () => {
  expect(vectors.length).toBeGreaterThan(30)
  for (const { uids, scores, kept, values } of vectors)
    expect(toU16Weights(new Map(uids.map((uid, i) => [uid, scores[i] ?? 0]))), JSON.stringify(scores)).toEqual({ uids: kept, values })
})
