import { randomBytes } from 'node:crypto'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { encodeHotkey, signRequest } from '../../schema/index.ts'
import { type Bench, median, round, timed } from './measure.ts'

const BATCH = 200
const RUNS = 20

/** One btauth/1 verification in workerd, ours against @polkadot/util-crypto over the same bytes, taken in turns. */
export const bench: Bench = async () => {
  const built = await build({
    entryPoints: ['test/bench/verify.worker.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    logLevel: 'silent',
  })
  const contents = built.outputFiles[0]?.text ?? ''
  const worker = new Miniflare(convertV4MiniflareOptions({ modules: [{ type: 'ESModule', path: 'verify.js', contents }], compatibilityDate: '2026-10-20' }))
  const url = await worker.ready
  const secret = secretFromSeed(randomBytes(32))
  const nowMs = Date.now()
  const receiver = encodeHotkey(randomBytes(32))
  const request = { method: 'POST', target: '/agent/sync', receiver, sender: encodeHotkey(getPublicKey(secret)), nonce: String(BigInt(nowMs) * 1_000_000n) }
  const body = JSON.stringify({ text: 'x'.repeat(900) })
  const headers = signRequest(secret, { ...request, body: new TextEncoder().encode(body) })
  const ask = (way: 'ours' | 'polkadot', times: number) =>
    timed(async () => {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ way, times, headers, ...request, body, nowMs }) })
      if (!answer.ok) throw new Error(`${way}: ${await answer.text()}`)
    })
  const sample = { ours: [] as number[], polkadot: [] as number[] }
  for (let i = -3; i < RUNS; i++) {
    for (const way of ['ours', 'polkadot'] as const) {
      // A batch of one takes the time of the request itself out.
      const us = ((await ask(way, BATCH)) - (await ask(way, 1))) / (BATCH - 1)
      if (i >= 0) sample[way].push(us * 1000)
    }
  }
  await worker.dispose()
  const [value, to] = [median(sample.ours), median(sample.polkadot)]
  return [
    {
      name: 'verify_us',
      value: round(value, 0),
      unit: 'us',
      to: `sr25519Verify of @polkadot/util-crypto in the same workerd (${round(to, 0)} us)`,
      ratio: round(value / to),
      n: RUNS,
    },
  ]
}
