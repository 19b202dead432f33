import { createHash } from 'node:crypto'
import { readCatalog } from '../../node-agents/core/catalog.ts'
import { makeSeed } from '../../node-agents/core/proof/bundle/seed.ts'
import { sealBytes, sealLine } from '../../node-agents/core/proof/bundle/format.ts'
import type { Header, Outcome, SeedParts } from '../../node-agents/core/proof/bundle/types.ts'
import { BundleWriter } from '../../node-agents/core/proof/bundle/write.ts'
import { commandLine } from '../../node-agents/core/proof/commands.ts'
import { identify } from '../../node-agents/core/proof/identify/identify.ts'
import { measure } from '../../node-agents/core/proof/identify/measure.ts'
import type { Claim } from '../../node-agents/core/proof/identify/types.ts'
import type { Committed, Heard, SessionResult, Times } from '../../node-agents/core/proof/session/types.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import type { Verdict } from '../../node-agents/core/proof/verdict.ts'
import { Verifier } from '../../node-agents/core/proof/verify.ts'
import { readMessage } from '../../node-agents/core/proof/wire.ts'
import type { Signer } from '../../node-agents/core/signer.ts'
import { type Cheat, fixedRandom, SlowGpu } from './pog.ts'

/** As small as a proof can be. */
const TINY: Sizes = { n: 32, K: 4, w: 2, f: 4, lanes: 2, r: 2, Q: 6 }
const CLAIM: Claim = { model: 'NVIDIA H200', count: 2, vramMb: 143_771, simulated: true }
const PARTS: SeedParts = { fresh: '5a'.repeat(32), pulse: null, validator: 'nobody', miner: '5Miner', hostKey: 'SHA256:key', round: 'proof-1' }

export type Asked = { sizes?: Sizes; gpus?: number; cheat?: Cheat; parts?: Partial<SeedParts>; signer?: Signer | null; claim?: Claim; goAtMs?: number }
type Recorded = { header: Header; lines: Heard[]; outcome: Outcome }

/** A whole session with slow GPUs, as its lines would be heard: GPU after GPU, each taking a second a part. */
export function recorded({ sizes = TINY, gpus = 2, cheat = {}, parts = {}, signer = null, claim = CLAIM, goAtMs = 1_795_000_000_000 }: Asked = {}): Recorded {
  const seedParts = { ...PARTS, ...(signer && { validator: signer.address }), ...parts }
  const seed = makeSeed(seedParts)
  const lines: Heard[] = []
  let atMs = 0
  const us = (command: Parameters<typeof commandLine>[0]) => lines.push({ from: 'us', atMs, line: commandLine(command).trimEnd() })
  const host = (message: object) => lines.push({ from: 'host', atMs, line: JSON.stringify(message) })
  const all = Array.from({ length: gpus }, (_, gpu) => ({ gpu, nonce: new Uint8Array(32).fill(gpu + 1), slow: new SlowGpu({ sizes, seed }, gpu, cheat) }))
  us({ c: 'go', seed })
  atMs = 1000
  for (const { gpu, slow } of all) host({ t: 'tip', g: gpu, h: hex(slow.tip) })
  for (const { gpu, nonce, slow } of all) {
    us({ c: 'sweep', gpu, nonce, sizes })
    slow.sweep(nonce)
  }
  atMs = 2000
  for (const { gpu, slow } of all) host({ t: 'swp', g: gpu, h: hex(slow.transcript.swp) })
  for (const { gpu, slow } of all) {
    us({ c: 'roots', gpu })
    host({ t: 'roots', g: gpu, d: base64(slow.transcript.roots) })
    host({ t: 'swr', g: gpu, root: hex(slow.transcript.swr) })
  }
  const verifier = new Verifier({ sizes, seed }, gpus, fixedRandom(7))
  const ask = ({ gpu, nonce, slow }: (typeof all)[number]) => ({ gpu, slow, request: verifier.commit(gpu, nonce, slow.transcript) })
  for (const { gpu, slow, request } of all.map(ask)) {
    if (!request || isDecided(verifier)) break
    us({ c: 'open', gpu, request })
    for (const [k, d] of slow.open(request).entries()) {
      host({ t: 'o', g: gpu, k, d: base64(d) })
      verifier.take(gpu, k, d)
      if (isDecided(verifier)) break
    }
    if (isDecided(verifier)) break
    host({ t: 'done', g: gpu })
    verifier.done(gpu)
  }
  const header: Header = { v: 1, seed: seedParts, sizes, gpus, goAtMs, by: signer?.address ?? null }
  const committed = all.map(({ gpu, nonce, slow }) => ({ gpu, nonce, transcript: slow.transcript }))
  return { header, lines, outcome: outcomeOf({ verdict: verifier.verdict(), committed, seed, sizes, gpus, claim }) }
}

type Over = { verdict: Verdict; committed: Committed[]; seed: Uint8Array; sizes: Sizes; gpus: number; claim: Claim }

function outcomeOf({ verdict, committed, seed, sizes, gpus, claim: said }: Over): Outcome {
  const times: Times[] = Array.from({ length: gpus }, (_, gpu) => ({ gpu, chainMs: 990, sweepMs: 990 }))
  const [catalog, claim] = [readCatalog(), { ...said, count: gpus }]
  const bytes = { in: 0, out: 0 }
  const session: SessionResult = { ended: 'complete', phase: 'open', text: verdict.text, verdict, seed, committed, times, rttMs: 10, claims: [], bytes }
  return { session, claim, identity: identify(measure(times, sizes), claim, catalog), catalog: catalog.dated }
}

const isDecided = (verifier: Verifier): boolean => verifier.verdict().result === 'mismatch'

/** Writes a record as it would have been written. */
export async function written(path: string, { header, lines, outcome }: Recorded, signer: Signer | null = null): Promise<{ path: string; digest: string }> {
  const writer = new BundleWriter(path, signer)
  await writer.begin(header)
  for (const line of lines) writer.heard(line)
  const closed = await writer.close(outcome)
  if (!closed) throw new Error('it was not written')
  return closed
}

/** The text of a bundle with other lines and a seal that fits them, as whoever has the key could make it. */
export function resealed(text: string, change: (lines: string[]) => string[], signer: Signer | null = null): string {
  const body = change(text.trimEnd().split('\n').slice(0, -1))
    .map((line) => `${line}\n`)
    .join('')
  const digest = createHash('sha256').update(body).digest('hex')
  return `${body}${sealLine({ digest, by: signer?.address ?? null, signature: signer?.sign(sealBytes(digest)) ?? null })}\n`
}

/** Changes the JSON of one line, which begins with this word. */
export function edited(lines: string[], begins: string, change: (content: Record<string, unknown>) => object): string[] {
  return lines.map((line) =>
    line.startsWith(begins) ? `${begins}${JSON.stringify(change(JSON.parse(line.slice(begins.length)) as Record<string, unknown>))}` : line,
  )
}

/** The message of a line that a host said; null: it is none. */
export function saidBy(line: string): ReturnType<typeof readMessage> | null {
  return line.startsWith('< ') ? readMessage(line.split(' ').slice(2).join(' ')) : null
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
