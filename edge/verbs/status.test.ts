import { describe, expect, it } from 'vitest'
import { PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import { type Condition, statusOf } from './status.ts'

const well: Condition = { standing: 'active', protocol: PROTOCOL_OLDEST, online: 'online', engineOk: 1, gpuError: null, heldSince: null, fresh: 1 }

describe('the status of a miner', () => {
  it.each([
    ['well', {}, 'ready'],
    ['told nothing lately', { fresh: 0 }, 'stale'],
    ['a rental died there', { heldSince: 1, fresh: 0 }, 'held'],
    ['its engine is away', { engineOk: 0, heldSince: 1 }, 'engine_down'],
    ['its GPUs cannot be read', { gpuError: 'NVML' }, 'engine_down'],
    ['quiet', { online: 'suspect', engineOk: 0 }, 'suspect'],
    ['silent', { online: 'unreachable', engineOk: 0 }, 'unreachable'],
    ['taken off the market', { standing: 'draining', online: 'unreachable' }, 'draining'],
    ['too old, which is not away', { protocol: PROTOCOL_OLDEST - 1, online: 'unreachable' }, 'too_old'],
  ] as const)('%s', (_, o, status) => {
    expect(statusOf({ ...well, ...o })).toBe(status)
  })
})
