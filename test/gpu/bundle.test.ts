import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCatalog } from '../../node-agents/core/catalog.ts'
import { realClock } from '../../node-agents/core/clock.ts'
import { hotkeyFromSeed } from '../../node-agents/core/hotkey.ts'
import { makeSeed } from '../../node-agents/core/proof/bundle/seed.ts'
import type { Header, Report } from '../../node-agents/core/proof/bundle/types.ts'
import { verifyBundle } from '../../node-agents/core/proof/bundle/verify.ts'
import { BundleWriter } from '../../node-agents/core/proof/bundle/write.ts'
import { identify } from '../../node-agents/core/proof/identify/identify.ts'
import { measure } from '../../node-agents/core/proof/identify/measure.ts'
import { simulatedTask } from '../../node-agents/core/proof/identify/task.ts'
import { runSession } from '../../node-agents/core/proof/session/run.ts'
import type { Pipe, SessionResult, Task } from '../../node-agents/core/proof/session/types.ts'
import { makeSigner } from '../../node-agents/core/signer.ts'
import { pipeOf, pipeTo } from '../support/pipe.ts'
import { rolled } from '../support/pog.ts'
import { Script, pythonWithNumpy } from '../support/script.ts'
import { type Deed, FakeProver, type Said, type Told, type Twist } from '../support/fake-prover.ts'

/** What a session leaves behind says again, offline, what the session said. */

const python = await pythonWithNumpy()
const catalog = readCatalog()
const signer = makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(5)))
const TASK: Task = { gpus: 2, sizes: { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 2, Q: 12 }, chainMs: 20_000, sweepMs: 20_000 }

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'evidence-'))))
afterEach(() => rm(folder, { recursive: true }))

/** A session as a validator has it, and its evidence checked again. */
async function proved(pipe: Pipe, task: Task): Promise<{ session: SessionResult; report: Report | null }> {
  const seed = { fresh: '11'.repeat(32), pulse: null, validator: signer.address, miner: '5Miner', hostKey: 'SHA256:x', round: 'r1' }
  const claim = { model: 'NVIDIA H200', count: task.gpus, vramMb: 143_771, simulated: true }
  const writer = new BundleWriter(join(folder, 'bundle'), signer)
  const header: Header = { v: 1, seed, sizes: task.sizes, gpus: task.gpus, goAtMs: realClock.wallMs(), by: signer.address }
  const go = async () => {
    await writer.begin(header)
    return makeSeed(seed)
  }
  const hooks = { go, committed: async () => undefined, heard: writer.heard.bind(writer) }
  const session = await runSession(pipe, task, hooks, { clock: realClock, signal: AbortSignal.timeout(50_000) })
  const identity = session.times.length === 0 ? null : identify(measure(session.times, task.sizes), claim, catalog)
  const closed = await writer.close({ session, claim, identity, catalog: catalog.dated })
  return { session, report: closed && (await verifyBundle(closed.path)) }
}

describe('an honest session', () => {
  it.each([1, 2, 8])('of %i GPUs', async (gpus) => {
    const { session, report } = await proved(pipeTo(new FakeProver(gpus, TASK.sizes)), { ...TASK, gpus })
    expect(session.ended).toBe('complete')
    expect(report).toMatchObject({
      file: { result: 'intact' },
      arithmetic: { result: 'passed' },
      timing: { result: 'attested' },
      verdict: { result: 'follows' },
      holds: true,
    })
    expect(report?.end?.identity).toMatchObject({ result: 'simulated', model: 'NVIDIA H200' })
  })

  it.skipIf(!python)('of the script itself, in the sizes of cards that are only said to be there', async () => {
    const proof = new Script(python ?? '', ['serve', '--device', 'cpu', '--gpus', '2'], { TMPDIR: folder })
    try {
      const { report } = await proved(pipeOf(proof.child), simulatedTask(2))
      expect(report).toMatchObject({ arithmetic: { result: 'passed' }, timing: { result: 'attested' }, verdict: { result: 'follows' }, holds: true })
      await proof.ended
    } finally {
      proof.child.kill('SIGKILL')
    }
  })
})

const on = (t: string, change: (said: Said) => Deed[]): Twist => ({
  instead: (answer) => answer.flatMap((said) => (said.t === t ? change(said) : [said])),
})
const when = (c: string, instead: (answer: Said[]) => Deed[]): Twist => ({
  instead: (answer, told: Told | null) => (told?.c === c ? instead(answer) : answer),
})
/** In one piece, so that both are there at one moment. */
const withTip = on('tip', (said) => {
  const swp = { t: 'swp', g: said.g, h: '00'.repeat(32) }
  return [Buffer.from([said, swp].map((line) => `${JSON.stringify(line)}\n`).join(''))]
})
const flipped = (said: Said): Said[] => [{ ...said, d: String(said['d']).replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) }]

describe('a session that proves nothing', () => {
  it.each<[string, Twist, string]>([
    ['a skipped round', { cheat: { round: (_, before) => before } }, 'mismatch'],
    ['one GPU of two that skips a round', { cheat: (gpu) => (gpu === 1 ? { round: (_, before) => before } : {}) }, 'mismatch'],
    ['a sweep of its own start', { cheat: { start: rolled } }, 'mismatch'],
    ['a sweep that stands still', { cheat: { step: (_, before) => before } }, 'mismatch'],
    ['the work of another seed', { cheat: { seed: new Uint8Array(32) } }, 'mismatch'],
    ['a tip that is not the hash of the roots', on('tip', (said) => [{ ...said, h: '00'.repeat(32) }]), 'mismatch'],
    ['a changed opening', on('o', flipped), 'mismatch'],
    ['openings in another order', when('open', (answer) => answer.toReversed()), 'incomplete'],
    ['an opening less', when('open', (answer) => answer.toSpliced(3, 1)), 'incomplete'],
    ['an opening more', when('open', (answer) => answer.flatMap((said, i) => (i === 3 ? [said, said] : [said]))), 'incomplete'],
    ['roots before they are asked for', when('sweep', (answer) => [...answer, { t: 'roots', g: 0, d: '' }]), 'incomplete'],
    ['a sweep that comes with the tip, before it is asked for', withTip, 'incomplete'],
    ['a tip twice', on('tip', (said) => [said, said]), 'incomplete'],
    ['a GPU that is not there', on('done', (said) => [{ ...said, g: 7 }]), 'incomplete'],
    ['roots that are too few', on('roots', (said) => [{ ...said, d: 'AAAA' }]), 'incomplete'],
    ['a refusal', when('roots', () => [{ t: 'error', g: 0, m: 'out of memory' }]), 'incomplete'],
    ['an end at go', when('go', () => ['end']), 'incomplete'],
    ['an end at the sweep', when('sweep', () => ['end']), 'incomplete'],
    ['a torn connection at the roots', when('roots', () => ['tear']), 'incomplete'],
    ['a torn connection at the openings', when('open', (answer) => [...answer.slice(0, 9), 'tear']), 'incomplete'],
  ])('says so again: %s', async (_, twist, result) => {
    const { session, report } = await proved(pipeTo(new FakeProver(2, TASK.sizes, twist)), TASK)
    expect(session.verdict.result).not.toBe('passed')
    expect(report).toMatchObject({
      file: { result: 'intact' },
      arithmetic: { result },
      timing: { result: 'attested' },
      verdict: { result: 'follows' },
      holds: true,
    })
    expect(report?.end?.identity).toBeNull()
  })

  it('leaves nothing behind when it ended before it began', async () => {
    const { report } = await proved(
      pipeTo(
        new FakeProver(
          2,
          TASK.sizes,
          when('prep', () => ['end']),
        ),
      ),
      TASK,
    )
    expect(report).toBeNull()
  })
})
