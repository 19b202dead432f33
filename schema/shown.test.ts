import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DESIRED, type Desired, type Phase, PHASES, type ShownState, STATES, STOP_REASONS } from './allocation.ts'
import { type Columns, shown } from './shown.ts'

const base: Columns = { desired: 'run', stopReason: null, incarnation: 2, factIncarnation: 2, phase: 'none', unreachableSince: null, endedAt: null }

/** What a client sees, for each wish, where the fact is about the incarnation wished for. */
const TABLE: Record<Phase, Record<Desired, ShownState>> = {
  none: { run: 'pending', pause: 'pending', stop: 'stopping' },
  pulling: { run: 'starting', pause: 'starting', stop: 'stopping' },
  creating: { run: 'starting', pause: 'starting', stop: 'stopping' },
  starting: { run: 'starting', pause: 'starting', stop: 'stopping' },
  running: { run: 'running', pause: 'running', stop: 'stopping' },
  paused: { run: 'paused', pause: 'paused', stop: 'stopping' },
  stopping: { run: 'stopping', pause: 'stopping', stop: 'stopping' },
  gone: { run: 'pending', pause: 'pending', stop: 'ended' },
  failed: { run: 'pending', pause: 'pending', stop: 'stopping' },
}

describe.each(PHASES)('a fact of "%s"', (phase) => {
  it.each(DESIRED)('under a wish to %s', (desired) => {
    const c = { ...base, desired, phase }
    const stop = desired === 'stop'
    expect(shown(c)).toBe(TABLE[phase][desired])
    expect(shown({ ...c, factIncarnation: 1 }), 'about an older incarnation').toBe(stop ? 'stopping' : 'pending')
    expect(shown({ ...c, unreachableSince: 5 }), 'unreachable').toBe(stop ? TABLE[phase].stop : 'unreachable')
    expect(shown({ ...c, endedAt: 5 }), 'ended').toBe('ended')
    expect(shown({ ...c, endedAt: 5, unreachableSince: 5 }), 'ended while unreachable').toBe('ended')
  })

  it.each(STOP_REASONS)('of a wish that stopped because "%s"', (stopReason) => {
    const gaveUp = ['no_capacity', 'not_ready', 'lost'].includes(stopReason)
    const c: Columns = { ...base, desired: 'stop', phase, stopReason }
    expect(shown(c)).toBe(gaveUp ? 'failed' : TABLE[phase].stop)
    expect(shown({ ...c, endedAt: 5 }), 'ended').toBe(gaveUp ? 'failed' : 'ended')
  })
})

it('has a state for every row, and an ended one never comes back to life', () => {
  const columns = fc.record<Columns>({
    desired: fc.constantFrom(...DESIRED),
    stopReason: fc.option(fc.constantFrom(...STOP_REASONS)),
    incarnation: fc.integer({ min: 1, max: 3 }),
    factIncarnation: fc.integer({ min: 0, max: 3 }),
    phase: fc.constantFrom(...PHASES),
    unreachableSince: fc.option(fc.nat()),
    endedAt: fc.option(fc.nat()),
  })
  fc.assert(
    fc.property(columns, (c) => {
      expect(STATES).toContain(shown(c))
      if (c.endedAt !== null) expect(['ended', 'failed']).toContain(shown(c))
      if (c.desired === 'stop') expect(['stopping', 'ended', 'failed']).toContain(shown(c))
    }),
    { numRuns: 2000 },
  )
})
