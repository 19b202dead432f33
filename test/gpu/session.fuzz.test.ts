import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { runSession } from '../../node-agents/core/proof/session/run.ts'
import type { SessionResult, Task } from '../../node-agents/core/proof/session/types.ts'
import { pipeTo } from '../support/pipe.ts'
import { type Deed, FakeProver, type Said, type Told, type Twist } from '../support/fake-prover.ts'
import { StillClock } from '../support/still-clock.ts'

/** Sessions with hosts whose lines are changed at random. */

const TASK: Task = { gpus: 1, sizes: { n: 32, K: 4, w: 2, f: 4, lanes: 2, r: 2, Q: 4 }, chainMs: 1000, sweepMs: 1000 }
const still = new AbortController().signal
const hour = 3_600_000

/** A whole session. Once nothing comes any more, so much time passes that it must end. */
async function session(twist: Twist): Promise<SessionResult> {
  const clock = new StillClock()
  const now = { lines: 0, isOver: false }
  const count = () => void now.lines++
  const twisted: Twist = {
    instead: (answer, told) => {
      count()
      clock.pass(1)
      return twist.instead?.(answer, told) ?? answer
    },
  }
  const hooks = { go: async () => Buffer.alloc(32, 7), committed: async () => undefined, heard: count }
  const result = runSession(pipeTo(new FakeProver(1, TASK.sizes, twisted)), TASK, hooks, { clock, signal: still }).finally(() => (now.isOver = true))
  for (let quiet = 0, before = 0; !now.isOver; quiet = now.lines === before ? quiet + 1 : 0, before = now.lines) {
    if (quiet > 50) clock.pass(hour)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return result
}

const bytesOf = (answer: Said[]) => Buffer.from(answer.map((said) => `${JSON.stringify(said)}\n`).join(''))
const flipped = (bytes: Buffer, bit: number): Buffer => {
  const at = bit % (bytes.length * 8)
  bytes.writeUInt8(bytes.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
  return bytes
}
const on = (command: string | null, deeds: (answer: Said[]) => Deed[]): Twist => ({
  instead: (answer: Said[], told: Told | null) => ((told?.c ?? null) === command ? deeds(answer) : answer),
})

it('one bit that is changed, anywhere in what is proved, is never a proof', { timeout: 120_000 }, async () => {
  const commands = fc.constantFrom('ping', 'go', 'sweep', 'roots', 'open')
  await fc.assert(
    fc.asyncProperty(commands, fc.nat(2 ** 30), async (command, bit) => {
      const { ended, verdict } = await session(on(command, (answer) => [flipped(bytesOf(answer), bit)]))
      expect(verdict.result).not.toBe('passed')
      expect(ended === 'complete').toBe(verdict.result === 'mismatch')
    }),
    { numRuns: 400 },
  )
})

it('whatever comes, and in which order, it ends in a result', { timeout: 120_000 }, async () => {
  const line = fc.oneof(
    fc.record({
      t: fc.constantFrom('hello', 'pong', 'warn', 'ready', 'tip', 'roots', 'swp', 'swr', 'o', 'done', 'error'),
      g: fc.nat(2),
      k: fc.nat(3),
      d: fc.string(),
      root: fc.string(),
    }),
    fc.json().map((text) => Buffer.from(`${text}\n`)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('end' as const, 'tear' as const),
  )
  const command = fc.constantFrom(null, 'ping', 'prep', 'go', 'sweep', 'roots', 'open')
  await fc.assert(
    fc.asyncProperty(command, fc.array(line, { maxLength: 4 }), fc.boolean(), async (command, more, first) => {
      const result = await session(on(command, (answer) => (first ? [...more, ...answer] : [...answer.slice(1), ...more])))
      const isProof = result.ended === 'complete' && result.verdict.result === 'passed'
      // Nothing more, or only what is read by nobody: after the last line, and the end.
      const isHonest = first ? more.every((deed) => deed instanceof Uint8Array && deed.length === 0) : false
      expect(isProof).toBe(isHonest)
      expect(result.text.length).toBeLessThan(400)
    }),
    { numRuns: 300 },
  )
})
